"""Several things side by side in one thread: each runs until it waits, and then another one does.

Only who waits by `waiting` makes room, as calls of our own client do and pauses before they are repeated; whatever else
blocks, blocks all. So nothing is interrupted where it does not expect it, the alarm reaches whoever runs, and what one
has done in memory between two calls is done before another looks.

Threads would overlap everything, but one that hangs could not be ended: its effect might come when its message is long
with somebody else.
"""

from __future__ import annotations

import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, NamedTuple, TypeVar

from greenlet import getcurrent, greenlet

from functions.runtime import waiting
from functions.runtime.deadline import AGAIN, alarm, ring_within
from functions.runtime.errors import HeldUp, OutOfTime

T = TypeVar("T")

LEAST = 0.01
"""Seconds that each may still run when handling is over, at the least."""
OWN = 0.2
"""Seconds of its own waiting after which what somebody waits for is slow, whoever else used up the time."""
ENDED = "The function's time ran out."


class _Wait(NamedTuple):
    began: float
    until: float
    fd: int | None
    events: int


class _Fiber(greenlet):
    busy = 0.0
    limit = math.inf
    alarm: tuple[Any, tuple[float, float]] | None = None
    """What it rings for itself, and in how many seconds."""


def run(bodies: Sequence[Callable[[], None]], handling: float, end: float) -> None:
    """Run all `bodies` until each has ended. Raises the first error of any, and ends the others.

    At `handling`, a moment of `time.monotonic`, whoever runs is told by an `OutOfTime` within its `within`. The others,
    which one that hung may have held up, share what is left until `end`; then all are told.
    """
    fibers = _Fibers(bodies, handling, end)
    alarm(handling - time.monotonic(), fibers.run)


class _Fibers:
    def __init__(self, bodies: Sequence[Callable[[], None]], handling: float, end: float) -> None:
        self._handling = handling
        self._end = end
        self._rings = handling != math.inf and threading.current_thread() is threading.main_thread()
        self._process = os.getpid()
        self._hub = getcurrent()
        self._busy = 0.0
        self._since = 0.0
        self._waits: dict[_Fiber, _Wait] = {}
        self._all = [_Fiber(body, self._hub) for body in bodies]
        for one in self._all:
            one.gr_context = copy_context()
            one.limit = end

    def runs_here(self) -> bool:
        # Neither another thread of a handler's, nor a process that it forked, nor what an event loop runs: loops belong
        # to the thread, and no other may begin one before this one ends.
        return getcurrent().parent is self._hub and os.getpid() == self._process and not _in_event_loop()

    def run(self) -> None:
        before, waiting.scheduler = waiting.scheduler, self
        try:
            for one in self._all:
                self._go(one, one.switch)
            while self._waits:
                self._turn()
        finally:
            self._finish()
            waiting.scheduler = before

    def wait(self, seconds: float, fd: int | None = None, events: int = 0) -> bool:
        me, now = _current(), time.monotonic()
        if now >= self._end:
            raise HeldUp(ENDED)
        began = self._clock(me, now)
        self._waits[me] = _Wait(began, began + seconds, fd, events)
        ready: bool = self._hub.switch()
        return ready

    def clock(self) -> float:
        return self._clock(_current(), time.monotonic())

    def busy(self) -> float:
        return _current().busy + time.monotonic() - self._since

    def bounded(self, end: float, body: Callable[[], T]) -> T:
        me = _current()
        before = me.limit
        if end >= before:
            return body()
        me.limit = end
        self._arm(me)
        try:
            return body()
        finally:
            me.limit = before
            self._arm(me)

    def _clock(self, one: _Fiber, now: float) -> float:
        return now - (self._busy - one.busy)

    def _turn(self) -> None:
        """Wait until somebody need not wait any more, and let everybody run of whom that is so."""
        now = time.monotonic()
        soonest = min(min(wait.until - self._clock(one, now), one.limit - now) for one, wait in self._waits.items())
        ready = self._ready(max(soonest, 0))
        for one, wait in list(self._waits.items()):
            now = time.monotonic()  # another one may have run for long
            if now >= one.limit:
                error = HeldUp if self._clock(one, now) - wait.began < OWN else OutOfTime
                del self._waits[one]
                self._go(one, partial(one.throw, error(ENDED)))
            elif wait.fd in ready or self._clock(one, now) >= wait.until:
                del self._waits[one]
                self._go(one, partial(one.switch, wait.fd in ready))

    def _ready(self, seconds: float) -> set[int | None]:
        poll, polled = select.poll(), False
        for wait in self._waits.values():
            if wait.fd is not None:
                poll.register(wait.fd, wait.events)
                polled = True
        if polled:
            return {fd for fd, _ in poll.poll(waiting.milliseconds(seconds))}
        time.sleep(seconds)
        return set()

    def _go(self, one: _Fiber, go: Callable[[], object]) -> None:
        self._arm(one)
        self._since = time.monotonic()
        try:
            go()
        finally:
            took = time.monotonic() - self._since
            one.busy += took
            self._busy += took
            self._disarm(one)

    def _arm(self, one: _Fiber) -> None:
        """Let the alarm ring for who runs now, or what it had set for itself."""
        if not self._rings:
            return
        if one.alarm:
            handler, timer = one.alarm
            one.alarm = None
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, *timer)
            return
        now = time.monotonic()
        until = self._handling
        if now >= until:
            until = now + max((self._end - now) / (len(self._waits) + 1), LEAST)
        signal.setitimer(signal.ITIMER_REAL, max(min(until, one.limit) - now, 0.001), AGAIN)

    def _disarm(self, one: _Fiber) -> None:
        if self._rings and signal.getsignal(signal.SIGALRM) is not ring_within:
            one.alarm = (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL))
            signal.signal(signal.SIGALRM, ring_within)

    def _finish(self) -> None:
        """End what is left, where somebody's error ended all."""
        self._end = 0.0
        for one in self._all:
            if one:  # begun, and not ended
                with suppress(BaseException):
                    one.throw(KeyboardInterrupt("another message's error ended all"))


def _current() -> _Fiber:
    one = getcurrent()
    assert isinstance(one, _Fiber)
    return one


def _in_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
