"""A copy of the tree in which a module can be changed, and tests run on it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.mutants.mistakes import Mistake

Work = TypeVar("Work")
Done = TypeVar("Done")
ZYGOTE = Path(__file__).with_name("zygote.py")
QUICK = (
    *(
        "-x",
        "-q",
        "--no-header",
        "--tb=short",
        "-m",
        "not proof and not flow",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
    ),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # what the zygote has imported
)
LONGEST = 600.0
"""Seconds that the tests for one mistake may take at the most."""
SLACK, TIMES = 60.0, 2.0
"""They may take so many times what they took while they were watched, and so many seconds more: a loop without an end
is known by that."""
ALL = 900.0
"""Seconds for the tests of a folder while they are watched."""
WATCHED = ("functions", "stacks", "ops", "local", "example")
"""Where it is watched what tests run."""


@dataclass(frozen=True)
class Verdict:
    """How a mistake ended: noticed by a test, by the type checker, by nobody; or whatever ran on for too long."""

    mistake: Mistake
    how: str
    """`test`, `types`, `time` or nothing."""
    by: str
    """The first test that failed, or what the type checker said."""
    seconds: float


def shared(trees: Sequence[Tree], one: Callable[[Tree, Work], Done], works: Iterable[Work]) -> list[Done]:
    """Does each work on a tree that is free, as many at a time as there are; what came of them, in order."""
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def on_a_tree(work: Work) -> Done:
        tree = free.get()
        try:
            return one(tree, work)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        return list(pool.map(on_a_tree, works))


class Tree:
    """A copy of what git knows of `root`, or would take, in `folder`, with a process that runs tests on it."""

    types = True
    """Whether the type checker is asked in the end, which takes seconds."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self._clock = itertools.count(int(time.time()) - 1_000_000)
        self._fails: dict[str, bool] = {}
        self._ends: dict[tuple[str, ...], bool] = {}
        self._longest = LONGEST
        listed = subprocess.run(
            ["git", "ls-files", "-coz", "--exclude-standard"], cwd=root, capture_output=True, text=True, check=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (root / name).is_symlink() or (root / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name, follow_symlinks=False)
        (folder / ".venv").symlink_to(root / ".venv")
        if (root / ".mypy_cache").exists():
            shutil.copytree(root / ".mypy_cache", folder / ".mypy_cache")
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CDK_"))
        }

    def __enter__(self) -> Self:
        self._zygote = subprocess.Popen(
            [sys.executable, str(ZYGOTE)],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._zygote:
            self._zygote.terminate()

    def watched(self, tests: list[str]) -> dict[str, Any]:
        """Runs these tests under coverage: by test its `seconds`, and by file and line of the project which ran it.

        Raises `TimeoutError` where they take longer than `ALL`.
        """
        into = self.folder / "build-watched"
        into.unlink(missing_ok=True)
        asked = {"arguments": [each for each in QUICK if each != "-x"] + tests, "watched": str(into), "rooms": WATCHED}
        self._ask(asked, ALL)
        if not into.exists():
            raise TimeoutError(f"{tests[0]} and others did not end in {ALL:.0f} s")
        return dict(json.loads(into.read_text()))

    def judged(self, mistake: Mistake, tests: list[str], usual: float = LONGEST) -> Verdict:
        """Makes the mistake, runs these tests, which take `usual` seconds, then the type checker; and takes it back."""
        began = time.monotonic()
        self._longest = min(LONGEST, SLACK + TIMES * usual)
        original = (self.folder / mistake.path).read_text()
        self._write(mistake.path, mistake.code)
        try:
            if tests and (found := self._noticed(mistake, original, tests)) is not None:
                return Verdict(mistake, *found, time.monotonic() - began)
            said = self._types(mistake.path) if self.types else ""
            return Verdict(mistake, "types" if said else "", said, time.monotonic() - began)
        finally:
            self._write(mistake.path, original)

    def _noticed(self, mistake: Mistake, original: str, tests: list[str]) -> tuple[str, str] | None:
        """How and by whom it was noticed; a test that fails without a mistake notices nothing."""
        for _ in range(10):
            useless = [each for each, fails in self._fails.items() if fails]
            code, failed = self._run(tests, useless)
            if code in (0, 5):
                return None
            if code is None:
                if tuple(tests) not in self._ends:
                    self._write(mistake.path, original)
                    self._ends[tuple(tests)] = self._run(tests, useless)[0] is not None
                    self._write(mistake.path, mistake.code)
                if self._ends[tuple(tests)]:
                    return "time", f"more than {self._longest:.0f} s"
                raise RuntimeError(f"without a mistake, too, tests take more than {self._longest:.0f} s: {tests[0]} …")
            if failed not in self._fails:
                self._write(mistake.path, original)
                self._fails[failed] = self._run([failed or tests[0]], [])[0] not in (0, 5)
                self._write(mistake.path, mistake.code)
            if not self._fails[failed]:
                return "test", failed
            if not failed:
                break
        raise RuntimeError(f"the tests fail without a mistake: {(self.folder / 'build-out').read_text()[-2000:]}")

    def _run(self, tests: list[str], useless: list[str]) -> tuple[int | None, str]:
        without = [f"--deselect={each}" for each in useless]
        told = self._ask({"arguments": [*QUICK, *without, *tests]}, self._longest)
        return told["code"], told["failed"]

    def _ask(self, asked: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        asked |= {"seconds": seconds, "out": str(self.folder / "build-out")}
        self._zygote.stdin.write(json.dumps(asked) + "\n")
        self._zygote.stdin.flush()
        return dict(json.loads(self._zygote.stdout.readline()))

    def _types(self, path: Path) -> str:
        """What the type checker says of the tree now, in one line; nothing where it is content."""
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--no-error-summary", str(path)],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.partition("\n")[0] if done.returncode else ""

    def _write(self, path: Path, code: str) -> None:
        """Writes a module, of a time that it never had before: Python takes byte code of the same second for it."""
        (self.folder / path).write_text(code)
        stamp = next(self._clock)
        os.utime(self.folder / path, (stamp, stamp))
