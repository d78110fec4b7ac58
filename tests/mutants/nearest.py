"""Which tests look at a module, the nearest first: by names, then by what imports what."""

from __future__ import annotations

import ast
from collections import deque
from functools import cached_property
from pathlib import Path

ROOMS = ("functions", "stacks", "ops", "local", "tests", "scaffold", "project", "documents", "benchmarks", "example")
ELSEWHERE = (
    *("tests/flow", "tests/edge", "tests/redrive_fuzz", "tests/project", "tests/documents", "tests/benchmarks"),
    *("tests/scaffold", "tests/stacks/test_compose.py", "tests/stacks/test_topology.py"),
)
"""Tests of the whole take minutes; what only they notice counts as not noticed."""
LAWS = "tests/test_laws.py"
TOGETHER = ("tests/stacks", "tests/permissions")
"""Their fixtures make templates of all of `stacks` and `functions`, whatever they import."""
SUMMARIES = "tests/summaries"
"""Sees every change of a template, so it goes before what else reads templates."""


class Nearest:
    """The tests of a tree."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def _imports(self) -> dict[str, frozenset[str]]:
        """By module the modules of the project that it imports, wherever in it it does."""
        files = [
            path for room in ROOMS for path in (self._root / room).rglob("*.py") if "__pycache__" not in path.parts
        ]
        names = {_dotted(path.relative_to(self._root)) for path in files}
        found = {}
        for path in files:
            told: set[str] = set()
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Import):
                    told |= {each.name for each in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module is not None:
                    told |= {node.module} | {f"{node.module}.{each.name}" for each in node.names}
            found[_dotted(path.relative_to(self._root))] = frozenset(told & names)
        return found

    def _distances(self, module: str) -> dict[str, int]:
        """By module of the project how many imports it is away from that one."""
        by: dict[str, set[str]] = {}
        for name, imported in self._imports.items():
            for each in imported:
                by.setdefault(each, set()).add(name)
        found, next_ = {module: 0}, deque([module])
        while next_:
            here = next_.popleft()
            for each in by.get(here, ()):
                if each not in found:
                    found[each] = found[here] + 1
                    next_.append(each)
        return found

    def tests(self) -> list[str]:
        """The test files that are asked at all."""
        names = [str(file.relative_to(self._root)) for file in sorted((self._root / "tests").rglob("test_*.py"))]
        return [name for name in names if name != LAWS and not name.startswith(ELSEWHERE)]

    def of(self, path: Path) -> tuple[list[str], list[str]]:
        """The test files that are named after it or import it, and those that reach it by others; nearest first."""
        module, mirror = _dotted(path), Path("tests") / path.parent
        distances = self._distances(module)
        near: list[tuple[int, int, str]] = []
        far: list[tuple[int, int, str]] = []
        for name in self.tests():
            test = Path(name)
            together = path.parts[0] in ("stacks", "functions") and name.startswith(TOGETHER)
            distance = distances.get(_dotted(test), 9 if together else None)
            same = test.stem.removeprefix("test_") == path.stem.removeprefix("_") and test.is_relative_to(mirror)
            if distance is None and not same:
                continue
            rank = 0 if same or name.startswith(SUMMARIES) else 1 if test.is_relative_to(mirror) else 2
            (near if same or distance == 1 else far).append((rank, distance or 0, name))
        return [name for *_, name in sorted(near)], [name for *_, name in sorted(far)]


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")
