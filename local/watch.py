"""What is saved while a local stack runs is live in seconds: a function's code is replaced, all else is deployed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from watchfiles import watch

from local import handlers
from local.errors import LocalError
from local.handlers import Function
from local.session import Session
from stacks.bundle.build import FUNCTIONS
from stacks.names import ROOT

STACKS = ROOT / "stacks"
FILES = ("app.py", "cdk.json")
"""What is deployed, beside the folders."""
PACE: Any = {"rust_timeout": 100, "yield_on_timeout": True}
"""Milliseconds between two looks; what is saved together within 50 ms is taken together."""


class Watch:
    """Keeps a running stack in step with the working tree.

    `package` is where the topology's functions are, and `module` the program whose command `deploy` deploys it: a fresh
    interpreter, which reads what was saved. What cannot be read or deployed is said, what ran before keeps running, and
    the next save tries again.
    """

    def __init__(self, session: Session, *, package: str, module: str, console: Console) -> None:
        self._session = session
        self._package = ROOT / package.replace(".", "/")
        self._module = module
        self._console = console
        self._functions: set[str] = set()
        """The functions whose code is not live yet."""
        self._replaced: dict[str, str] = {}
        """Those whose code no deployment brought, with its digest."""
        self._undeployed = False

    def run(self) -> None:
        """Watch until the emulator ends, which raises `LocalError`."""
        near = watch(ROOT, recursive=False, **PACE)
        far = watch(*{FUNCTIONS, STACKS, self._package}, **PACE)
        next(near), next(far)
        folders = sorted(f"{folder.relative_to(ROOT)}/" for folder in {FUNCTIONS, STACKS, self._package})
        self._console.print(f"Watching {', '.join(folders)}, {' and '.join(FILES)}: what you save goes live.")
        self._console.print("Ctrl-C stops everything.")
        for one, other in zip(near, far, strict=True):
            self._session.follow()
            if one or other:
                self._take(Path(path) for _, path in one | other)

    def _take(self, saved: Iterable[Path]) -> None:
        """Bring live what these files are part of, and what could not be brought live before."""
        start = time.monotonic()
        functions = handlers.deployed(self._session.state.endpoint)
        for path in saved:
            self._note(path, functions)
        try:
            if self._undeployed:
                self._deploy()
                self._undeployed = False
                self._say("deployed", start)
                functions = handlers.deployed(self._session.state.endpoint)
                # Where the tree went back to what was deployed before, CloudFormation sees no change and leaves ours.
                self._functions = {
                    word for word, found in functions.items() if found.digest == self._replaced.get(word)
                }
                self._replaced.clear()
            due = {word: function for word, function in functions.items() if word in self._functions}
            if due:
                handlers.check(function.module for function in due.values())
                self._replaced |= handlers.replace(self._session.state.endpoint, due)
                self._say(f"live: {', '.join(sorted(due))}", start)
            self._functions.clear()
        except LocalError as error:
            self._console.print("[red]✗[/red] ", end="")
            self._console.print(str(error), markup=False, soft_wrap=True)
            self._console.print("  What ran before keeps running; save again to try again.")

    def _note(self, path: Path, functions: Mapping[str, Function]) -> None:
        """Remember what a saved file asks for."""
        if not path.suffix or path.is_dir():
            return
        if path.parent == ROOT:
            self._undeployed |= path.name in FILES
        elif path.is_relative_to(FUNCTIONS / "runtime"):
            self._functions |= set(functions)
        elif path.name.startswith("requirements."):
            self._undeployed |= path.suffix == ".txt"
        elif owners := {word for word, found in functions.items() if path.is_relative_to(_folder(found.module))}:
            self._functions |= owners
        elif not (path.parent / "handler.py").exists():  # a function that is not in the map yet changes nothing
            self._undeployed = True

    def _deploy(self) -> None:
        """Deploy in an interpreter of its own. Raises `LocalError` with what it said if that fails."""
        command = [sys.executable, "-m", self._module, "deploy"]
        environment = {**os.environ, "HEADRACE_LOCAL": str(self._session.home)}
        with (
            self._console.status("deploying"),
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            ) as process,
        ):
            try:
                _, said = process.communicate()
            except BaseException:  # Ctrl-C: what it started goes with it
                process.terminate()
                raise
        if process.returncode != 0:
            raise LocalError(said.strip().removeprefix("✗ "))
        before = self._session.state.api_url
        self._session.follow()
        if (url := self._session.state.api_url) != before:
            self._console.print(f"  API           {url or 'none: no integration has a route any more'}")

    def _say(self, what: str, start: float) -> None:
        self._console.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - start:.1f} s[/dim]", soft_wrap=True)


def _folder(module: str) -> Path:
    """The folder of the function whose handler is in the module."""
    return ROOT.joinpath(*module.split(".")).parent
