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
from ops.errors import OpsError, UsageError

EVERY = 20.0
"""Seconds between two beats."""


class Pulse:
    """The pulse of the run whose journal is `journal`."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._path = journal.with_suffix(".pulse")
        self._file: int | None = None
        self._found: dict[Path, float] = {}
        """When the files were last written that were there as it was taken."""
        self._length = 0
        """Bytes of it that were there."""
        self.died = False
        """Whether the process that had it before died with it, and may hide messages that nobody holds."""

    def take(self) -> float | None:
        """Makes it this process's; the seconds since it last beat for another, None where it never did.

        Raises `UsageError` where it beats for a process that lives, `OpsError` where it cannot be written.
        """
        found = {path: path.stat().st_mtime for path in (self._path, self._journal) if path.exists()}
        last = max(found.values(), default=None)
        file = private_file.append(self._path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise UsageError(
                f"{self._journal.stem} runs, in process {_holder(self._path)}: wait for it, or end it: "
                "with Ctrl-C where it runs, or `cancel`."
            ) from None
        self.died = bool(_holder(self._path, ""))
        self._file, self._found, self._length = file, found, os.fstat(file).st_size
        try:
            # Behind what is there: on a full disk the sign that a process died must stay.
            private_file.write(file, f"\n{os.getpid()}".encode())
        except OSError as error:
            self.put_back()
            raise OpsError(f"{self._path} cannot be written: {error.strerror}.") from None
        return max(time.time() - last, 0.0) if last is not None else None

    async def beat(self) -> None:
        """Beats until it is cancelled."""
        while self._file is not None:
            os.utime(self._file)
            await asyncio.sleep(EVERY)

    def put_back(self) -> None:
        """Lets another process take it, as this one found it: nothing was done in between."""
        if self._file is None:
            return
        os.ftruncate(self._file, self._length)
        for path, moment in self._found.items():
            if path.exists():
                os.utime(path, (moment, moment))
        if self._path not in self._found:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def end(self, *, forget: bool = False, hides: bool = True) -> None:
        """Lets another process take it; `forget` where nothing is left for another.

        Without `hides` it is left as by a process that hides no messages.
        """
        if self._file is None:
            return
        if forget:
            self._path.unlink(missing_ok=True)
        elif not hides:
            os.ftruncate(self._file, 0)
        os.close(self._file)
        self._file = None


def _holder(path: Path, unknown: str = "of another") -> str:
    try:
        return path.read_text(encoding="ascii").splitlines()[-1]
    except (OSError, UnicodeError, IndexError):
        return unknown
