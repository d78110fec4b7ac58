"""Where a function waits: for a service, or for a while. What runs beside it, as `fibers` has it, goes on meanwhile."""

from __future__ import annotations

import math
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

GLANCE = 0.005
"""Seconds between two looks whether another is done with what only one may do."""


class Scheduler(Protocol):
    """What runs several things in turns."""

    def runs_here(self) -> bool:
        """Whether the caller is one of them, and may make room for the others."""

    def current(self) -> Any:
        """The one that runs."""

    def pause(self, seconds: float) -> None:
        """Let others run for so many seconds."""

    def ready(self, fd: int, events: int, seconds: float) -> bool:
        """Whether `fd` was ready within so many seconds; others have run meanwhile."""

    def clock(self) -> float:
        """As `time.monotonic`, but without what others kept the caller from seeing that an answer had come."""

    def busy(self) -> float:
        """Seconds for which the caller let nobody else run."""

    def waited(self) -> float:
        """Seconds for which the caller waited for what had not come."""

    def bounded(self, end: float, body: Callable[[], T]) -> T:
        """What `body` returns. Raises `OutOfTime` in it at `end`, a moment of `time.monotonic`."""


scheduler: Scheduler | None = None
"""What runs now; None where one thing goes after the other."""

_alone: dict[str, Any] = {}


class _Waited(threading.local):
    seconds = 0.0


_mine = _Waited()


def turns() -> Scheduler | None:
    """What runs others while the caller waits; None where nothing does."""
    return scheduler if scheduler is not None and scheduler.runs_here() else None


def sleep(seconds: float) -> None:
    """Wait for so many seconds."""
    if own := turns():
        own.pause(seconds)
    else:
        began = time.monotonic()
        time.sleep(seconds)
        _mine.seconds += time.monotonic() - began


def ready(fd: int, events: int, seconds: float) -> bool:
    """Whether `fd` is ready for those events of `select.poll` within so many seconds, or broken, which asking says."""
    if own := turns():
        return own.ready(fd, events, seconds)
    poll = select.poll()
    poll.register(fd, events)
    began = time.monotonic()
    found = poll.poll(milliseconds(seconds))
    _mine.seconds += time.monotonic() - began
    return bool(found)


def clock() -> float:
    """Seconds that go on for the caller: what others keep it from seeing is no slowness of a service."""
    own = turns()
    return own.clock() if own else time.monotonic()


def busy() -> float:
    """Seconds in which the caller did something else than to wait by this module, from some moment on."""
    own = turns()
    return own.busy() if own else time.monotonic() - _mine.seconds


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Let only one at a time of a batch into what is called so, as long as they run in turns; the others wait.

    Who is within already is not kept from itself, and another thread or process from nothing.
    """
    own = turns()
    me = own.current() if own else None
    while own and _alone.get(name, me) is not me:
        own.pause(GLANCE)
    if own is None or name in _alone:
        yield
        return
    _alone[name] = me
    try:
        yield
    finally:
        del _alone[name]


def milliseconds(seconds: float) -> int | None:
    """As `poll` takes them, never less; None, without an end, for infinity."""
    return None if seconds == math.inf else max(math.ceil(seconds * 1000), 0)
