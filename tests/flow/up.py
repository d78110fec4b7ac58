"""`python -m local up` of the sample, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from local.effects import eventually
from stacks.names import ROOT


class Up:
    """It runs the code in `tree` and keeps its state in `home`; its output is collected as it comes."""

    def __init__(self, home: Path, tree: Path = ROOT) -> None:
        self.home = home
        self.tree = tree
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.sample.local", "up"],
            cwd=self.tree,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HEADRACE_LOCAL": str(self.home), "COLUMNS": "200"}

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line

    def ready(self) -> bool:
        eventually(lambda: "Ctrl-C" in self.output or self.process.poll() is not None, within=90)
        return "Ctrl-C" in self.output

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"tests.sample.{command[0]}", *command[1:]],
            cwd=self.tree,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def end(self) -> int:
        code = self.process.wait(20)
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()
        return code

    def emulators(self) -> list[int]:
        """The processes whose temporary folder is this stack's: the emulator and every function it runs."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"TMPDIR={self.home}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def says(self, words: str, *, after: str = "", within: float = 60) -> bool:
        """Whether it says these words, now or in time, behind the last of what it had said before."""
        return eventually(lambda: words in self.output[len(after) :], within=within)

    def kill(self) -> None:
        """End it as it should never end; nothing if it has ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.end()
