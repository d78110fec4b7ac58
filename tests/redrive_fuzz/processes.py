"""Starts the command: as `python -m ops` each time, or through a `zygote` that has done its imports already."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

from tests.redrive_fuzz.engines import ROOT

HOLD = (
    "import runpy; from ops.sqs import sweep; sweep.VISIBILITY = {0}; "
    "runpy.run_module('{1}', run_name='__main__', alter_sys=True)"
)


class Process(Protocol):
    """A running command."""

    def signal(self, number: int) -> None:
        """Sends it a signal, if it runs."""

    async def ended(self) -> tuple[int, str, str]:
        """Its exit code, as Python says it, and what it said."""


class _Whole:
    """A Python of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def ended(self) -> tuple[int, str, str]:
        out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode, out.decode(), err.decode()


async def whole(arguments: list[str], home: Path, module: str, hold: int | None) -> Process:
    """The command, as a person starts it; with a `hold`, another length of its holds, in seconds."""
    how = ["-m", module] if hold is None else ["-c", HOLD.format(hold, module)]
    return _Whole(
        await asyncio.create_subprocess_exec(
            *(sys.executable, *how, *arguments),
            cwd=ROOT,
            env={"PATH": os.defpath, "HOME": str(home), "HEADRACE_LOCAL": str(home), "PYTHONPATH": str(ROOT)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    )


class _Forked:
    """A process that the zygote forked."""

    def __init__(self, out: Path, err: Path) -> None:
        self.started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._files = out, err

    def signal(self, number: int) -> None:
        if self.started.done() and not self.code.done():
            with suppress(ProcessLookupError):
                os.kill(self.started.result(), number)

    async def ended(self) -> tuple[int, str, str]:
        code = await asyncio.shield(self.code)
        out, err = (file.read_text() for file in self._files)
        return code, out, err


class Zygote:
    """Forks commands."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._waiting: dict[int, _Forked] = {}
        self._running: dict[int, _Forked] = {}

    async def listen(self) -> None:
        """Hears which processes started and ended."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            news = json.loads(line)
            if "number" in news:
                forked = self._running[news["process"]] = self._waiting.pop(news["number"])
                forked.started.set_result(news["process"])
            else:
                self._running.pop(news["process"]).code.set_result(news["code"])

    async def start(self, arguments: list[str], home: Path, module: str, hold: int | None) -> Process:
        """The command in a process that has imported it."""
        number = next(self._numbers)
        out, err = (home / f"{number}.{name}" for name in ("out", "err"))
        forked = self._waiting[number] = _Forked(out, err)
        asked = {"number": number, "arguments": arguments, "home": str(home), "module": module, "hold": hold}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked | {"out": str(out), "err": str(err)}).encode() + b"\n")
        await forked.started
        return forked

    def end(self) -> None:
        """Ends what runs still."""
        for forked in self._running.values():
            forked.signal(signal.SIGKILL)


@asynccontextmanager
async def zygote(mutant: Path | None = None) -> AsyncIterator[Zygote]:
    """A zygote, as long as the body runs; of a `mutant` each command has the mistake that this file makes."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.redrive_fuzz.zygote", *([str(mutant)] if mutant is not None else [])),
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    forks = Zygote(process)
    listening = asyncio.create_task(forks.listen())
    try:
        yield forks
    finally:
        forks.end()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
