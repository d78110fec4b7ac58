"""Which tests run a function, and how long they take: found by coverage, once, and kept in `build/`.

Where a function is new the tests of its module are taken. What makes a template runs once for many tests, so for
`stacks` the tests are those that read templates.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.mutants.tree import Tree, shared

KEPT = Path("build") / "mutants" / "seen.json"
ENOUGH = 300.0
"""Seconds of tests for one mistake, as they are under coverage, which takes two to four times as long; what only others
would notice counts as not noticed."""


class Seen:
    """By module and function the tests that run it, and by test its seconds; of those that are in `root`."""

    def __init__(self, told: dict[str, Any], root: Path) -> None:
        self._tests: dict[str, dict[str, list[str]]] = told["tests"]
        self._seconds: dict[str, float] = told["seconds"]
        self._there = {test for test in self._seconds if _is_there(root, test)}
        self._root = root

    def of(self, path: Path, within: str, near: Sequence[str], far: Sequence[str]) -> list[str]:
        """The tests for a mistake there: the near ones first, then the quick ones, as many as are enough.

        `near` and `far` are the files that are named after the module, or reach it. A test of a near one that was never
        seen is taken for one of a second.
        """
        functions = self._tests.get(str(path), {})
        known = set(functions.get(within) or (each for tests in functions.values() for each in tests))
        # What runs as a module is imported runs in no test, and templates are made once, for whoever comes first.
        files = {*near, *(far if path.parts[0] == "stacks" or not known else ())}
        known |= {each for each in self._seconds if each.partition("::")[0] in files}
        new = {test for file in near for test in _in(self._root, file)} - self._seconds.keys()
        places = {file: place for place, file in enumerate(near)}

        def turn(test: str) -> tuple[int, float]:
            return places.get(test.partition("::")[0], len(places)), self._seconds.get(test, 1.0)

        chosen: list[str] = []
        spent = 0.0
        for test in sorted((self._there & known) | new, key=turn):
            took = self._seconds.get(test, 1.0)
            if not chosen or spent + took <= ENOUGH:
                chosen.append(test)
                spent += took
        return chosen

    def seconds(self, tests: Iterable[str]) -> float:
        """What they took together while they were watched; a second each that was never seen."""
        return sum(self._seconds.get(test, 1.0) for test in tests)


def _is_there(root: Path, test: str) -> bool:
    file, _, name = test.partition("::")
    return (root / file).exists() and re.search(rf"\bdef {name.rpartition('::')[2]}\(", _text(root / file)) is not None


@cache
def _in(root: Path, file: str) -> frozenset[str]:
    """The tests of a file, by its text."""
    path = root / file
    found = re.findall(r"^(?:async )?def (test_\w+)\(", _text(path), re.MULTILINE) if path.exists() else ()
    return frozenset(f"{file}::{name}" for name in found)


@cache
def _text(path: Path) -> str:
    return path.read_text()


def watched(trees: Sequence[Tree], files: Iterable[str]) -> dict[str, Any]:
    """Runs these test files, those of a folder together: what `Seen` takes, which function each test ran.

    Raises `TimeoutError` where those of a folder do not end.
    """
    lots: dict[str, list[str]] = defaultdict(list)
    for file in files:
        lots[file.rpartition("/")[0]].append(file)
    tests: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    seconds: dict[str, float] = defaultdict(float)
    functions: dict[str, list[str]] = {}
    for told in shared(trees, Tree.watched, sorted(lots.values(), key=len, reverse=True)):
        for test, took in told["seconds"].items():
            seconds[_whole(test)] += took
        for name, lines in told["lines"].items():
            names = functions.setdefault(name, named(trees[0].folder / name))
            for line, contexts in lines.items():
                at = names[int(line)] if int(line) < len(names) else ""  # a test may write the module anew
                tests[name][at] |= {_whole(each) for each in contexts if each}
    ran = {name: {at: sorted(who) for at, who in found.items()} for name, found in tests.items()}
    return {"tests": ran, "seconds": dict(seconds)}


def _whole(test: str) -> str:
    """The test without its parameters."""
    return test.partition("[")[0]


def named(path: Path) -> list[str]:
    """By line the function or class around it, as `Place.within` names it."""
    text = path.read_text()
    found = [""] * (text.count("\n") + 2)

    def walk(node: ast.AST, names: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            inner = names
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = (*names, child.name)
                for line in range(child.lineno, (child.end_lineno or child.lineno) + 1):
                    found[line] = ".".join(inner)
            walk(child, inner)

    walk(ast.parse(text), ())
    return found
