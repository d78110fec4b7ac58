"""The sign that a run is alive: a lock that ends with its process, and the time at which it was last seen at work.

It is a file beside the run's journal, of its own because a journal is replaced while it is written.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path

from ops import private_file
from ops.errors import UsageError

EVERY = 20.0
"""Seconds between two beats."""


class Pulse:
    """The pulse of the run whose journal is `journal`."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._path = journal.with_suffix(".pulse")
        self._file: int | None = None

    def take(self) -> float | None:
        """Makes it this process's; the seconds since it last beat for another, None where it never did.

        Raises `UsageError` where it beats for a process that lives, `OpsError` where it cannot be written.
        """
        last = max((path.stat().st_mtime for path in (self._path, self._journal) if path.exists()), default=None)
        file = private_file.append(self._path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise UsageError(
                f"{self._journal.stem} runs, in process {_holder(self._path)}: wait for it, or end it: "
                "with Ctrl-C where it runs, or `cancel`."
            ) from None
        os.ftruncate(file, 0)
        private_file.write(file, str(os.getpid()).encode())
        self._file = file
        return max(time.time() - last, 0.0) if last is not None else None

    async def beat(self) -> None:
        """Beats until it is cancelled."""
        while self._file is not None:
            os.utime(self._file)
            await asyncio.sleep(EVERY)

    def end(self, *, forget: bool = False) -> None:
        """Lets another process take it; `forget` where nothing is left for another."""
        if self._file is None:
            return
        if forget:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii") or "of another"
    except (OSError, UnicodeError):
        return "of another"
