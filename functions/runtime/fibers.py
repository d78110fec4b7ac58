"""Several things side by side in one thread: each runs until it waits, and then another one does.

Only who waits by `waiting` makes room, as calls of our own client do and pauses before they are repeated; whatever else
blocks, blocks all. So nothing is interrupted where it does not expect it, the alarm reaches whoever runs, and what one
has done in memory between two calls is done before another looks.

Threads would overlap everything, but one that hangs could not be ended: its effect might come when its message is long
with somebody else.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Any, NamedTuple

from greenlet import getcurrent, greenlet

from functions.runtime import waiting
from functions.runtime.errors import OutOfTime


class _Wait(NamedTuple):
    until: float
    fd: int | None
    events: int


def run(bodies: Sequence[Callable[[], None]], end: float) -> None:
    """Run all `bodies` until each has ended. Raises the first error of any, and ends the others.

    At `end`, a moment of `time.monotonic`, who waits is told by an `OutOfTime`, and whoever waits after that.
    """
    _Fibers(bodies, end).run()


class _Fibers:
    def __init__(self, bodies: Sequence[Callable[[], None]], end: float) -> None:
        self._end = end
        self._waits: dict[Any, _Wait] = {}
        self._hub = getcurrent()
        self._all = [greenlet(body, self._hub) for body in bodies]
        for one in self._all:
            one.gr_context = copy_context()

    def runs_here(self) -> bool:
        """Whether the caller is one of them: another thread of a handler's is not."""
        return getcurrent().parent is self._hub

    def run(self) -> None:
        before, waiting.scheduler = waiting.scheduler, self
        try:
            for one in self._all:
                one.switch()
            while self._waits:
                self._turn()
        finally:
            self._finish()
            waiting.scheduler = before

    def wait(self, until: float, fd: int | None = None, events: int = 0) -> bool:
        if time.monotonic() >= self._end:
            raise OutOfTime("The function's time ran out.")
        self._waits[getcurrent()] = _Wait(until, fd, events)
        ready: bool = self._hub.switch()
        return ready

    def _turn(self) -> None:
        """Wait until somebody need not wait any more, and let everybody run of whom that is so."""
        ready = self._ready(min(self._end, min(wait.until for wait in self._waits.values())))
        now = time.monotonic()
        # Who has an answer by now is never told that it came too late, however long another one held up everybody.
        for one, wait in list(self._waits.items()):
            if wait.fd in ready or now >= wait.until:
                del self._waits[one]
                one.switch(wait.fd in ready)
            elif now >= self._end:
                del self._waits[one]
                one.throw(OutOfTime("The function's time ran out."))

    def _ready(self, until: float) -> set[int | None]:
        seconds = max(until - time.monotonic(), 0)
        poll, polled = select.poll(), False
        for wait in self._waits.values():
            if wait.fd is not None:
                poll.register(wait.fd, wait.events)
                polled = True
        if polled:
            return {fd for fd, _ in poll.poll(waiting.milliseconds(seconds))}
        time.sleep(seconds)
        return set()

    def _finish(self) -> None:
        """End what is left, where somebody's error ended all."""
        self._end = 0.0
        for one in self._all:
            if one:  # begun, and not ended
                with suppress(BaseException):
                    one.throw(KeyboardInterrupt("another message's error ended all"))
