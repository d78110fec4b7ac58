"""Where a function waits: for a service, or for a while. What runs beside it, as `fibers` has it, goes on meanwhile."""

from __future__ import annotations

import math
import select
import time
from typing import Protocol


class Scheduler(Protocol):
    """What runs several things in turns."""

    def runs_here(self) -> bool:
        """Whether the caller is one of them."""

    def wait(self, until: float, fd: int | None = None, events: int = 0) -> bool:
        """Whether `fd` was ready before `until`, a moment of `time.monotonic`; others have run meanwhile."""


scheduler: Scheduler | None = None
"""What runs now; None where one thing goes after the other."""


def in_turns() -> bool:
    """Whether others run while the caller waits."""
    return scheduler is not None and scheduler.runs_here()


def sleep(seconds: float) -> None:
    """Wait for so many seconds."""
    if scheduler is not None and scheduler.runs_here():
        scheduler.wait(time.monotonic() + seconds)
    else:
        time.sleep(seconds)


def ready(fd: int, events: int, seconds: float) -> bool:
    """Whether `fd` is ready for those events of `select.poll` within so many seconds, or broken, which asking says."""
    if scheduler is not None and scheduler.runs_here():
        return scheduler.wait(time.monotonic() + seconds, fd, events)
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(milliseconds(seconds)))


def milliseconds(seconds: float) -> int | None:
    """As `poll` takes them, never less; None, without an end, for infinity."""
    return None if seconds == math.inf else max(math.ceil(seconds * 1000), 0)
