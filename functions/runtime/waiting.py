"""Where a function waits: for a service, or for a while. What runs beside it, as `fibers` has it, goes on meanwhile."""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")

GLANCE = 0.005
"""Seconds between two looks whether another is done with what only one may do."""


class Scheduler(Protocol):
    """What runs several things in turns."""

    def runs_here(self) -> bool:
        """Whether the caller is one of them, and may make room for the others."""

    def wait(self, seconds: float, fd: int | None = None, events: int = 0) -> bool:
        """Whether `fd` was ready within so many seconds of the caller's own; others have run meanwhile."""

    def clock(self) -> float:
        """As `time.monotonic`, but standing still while others run."""

    def busy(self) -> float:
        """Seconds for which the caller let nobody else run."""

    def bounded(self, end: float, body: Callable[[], T]) -> T:
        """What `body` returns. Raises `OutOfTime` in it at `end`, a moment of `time.monotonic`."""


scheduler: Scheduler | None = None
"""What runs now; None where one thing goes after the other."""

_waited = 0.0
_alone: set[str] = set()


def turns() -> Scheduler | None:
    """What runs others while the caller waits; None where nothing does."""
    return scheduler if scheduler is not None and scheduler.runs_here() else None


def sleep(seconds: float) -> None:
    """Wait for so many seconds."""
    global _waited
    if own := turns():
        own.wait(seconds)
    else:
        began = time.monotonic()
        time.sleep(seconds)
        _waited += time.monotonic() - began


def ready(fd: int, events: int, seconds: float) -> bool:
    """Whether `fd` is ready for those events of `select.poll` within so many seconds, or broken, which asking says."""
    global _waited
    if own := turns():
        return own.wait(seconds, fd, events)
    poll = select.poll()
    poll.register(fd, events)
    began = time.monotonic()
    found = poll.poll(milliseconds(seconds))
    _waited += time.monotonic() - began
    return bool(found)


def clock() -> float:
    """Seconds that go on for the caller: what others keep it waiting does not count as slowness of a service."""
    own = turns()
    return own.clock() if own else time.monotonic()


def busy() -> float:
    """Seconds in which the caller did something else than to wait by this module, from some moment on."""
    own = turns()
    return own.busy() if own else time.monotonic() - _waited


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Let only one at a time into what is called so; others of the batch wait."""
    while name in _alone:
        sleep(GLANCE)
    _alone.add(name)
    try:
        yield
    finally:
        _alone.discard(name)


def milliseconds(seconds: float) -> int | None:
    """As `poll` takes them, never less; None, without an end, for infinity."""
    return None if seconds == math.inf else max(math.ceil(seconds * 1000), 0)
