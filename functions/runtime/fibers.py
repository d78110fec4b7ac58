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
from functions.runtime.errors import HeldUp

T = TypeVar("T")

LEAST = 0.01
"""Seconds that each may still run when handling is over, at the least."""
ENDED = "The function's time ran out."

Alarm = tuple[Any, float, float]
"""What rings, at which moment of `time.monotonic`, and after how many seconds again."""


class _Wait(NamedTuple):
    until: float
    fd: int | None = None
    events: int = 0


class _Fiber(greenlet):
    busy = 0.0
    waited = 0.0
    held_up = 0.0
    """Seconds for which others kept it from seeing that what it waited for had come."""
    unseen = 0.0
    """The last moment at which that had surely not come."""
    limit = math.inf
    alarm: Alarm | None = None
    """What it rings for itself."""

    @property
    def rings_at(self) -> float:
        """When it rings for itself."""
        return self.alarm[1] if self.alarm else math.inf


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

    def current(self) -> _Fiber:
        one = getcurrent()
        assert isinstance(one, _Fiber)
        return one

    def pause(self, seconds: float) -> None:
        self._wait(_Wait(time.monotonic() + seconds))

    def ready(self, fd: int, events: int, seconds: float) -> bool:
        me = self.current()
        me.unseen = began = time.monotonic()
        held_up = me.held_up
        try:
            return self._wait(_Wait(began + seconds, fd, events))
        finally:
            me.waited += time.monotonic() - began - (me.held_up - held_up)

    def clock(self) -> float:
        return time.monotonic() - self.current().held_up

    def busy(self) -> float:
        return self.current().busy + time.monotonic() - self._since

    def waited(self) -> float:
        return self.current().waited

    def bounded(self, end: float, body: Callable[[], T]) -> T:
        me = self.current()
        outer, me.limit = me.limit, min(me.limit, end)
        before = self._taken()  # what it rings for itself goes on after this
        self._arm(me)
        try:
            return body()
        finally:
            me.limit = outer
            self._taken()
            me.alarm = before
            self._arm(me)

    def _wait(self, wait: _Wait) -> bool:
        me = self.current()
        while True:
            if time.monotonic() >= self._end:
                raise HeldUp(ENDED)
            self._waits[me] = wait
            if (told := self._hub.switch()) is not None:
                return bool(told)

    def _turn(self) -> None:
        """Wait until somebody need not wait any more, and let everybody run of whom that is so."""
        now = time.monotonic()
        soonest = min(min(wait.until, one.limit, one.rings_at) for one, wait in self._waits.items())
        ready, seen = self._ready(max(soonest - now, 0))
        for one, wait in list(self._waits.items()):
            now = time.monotonic()  # another one may have run for long
            if now >= one.limit:
                self._resume(one, partial(one.throw, HeldUp(ENDED)))
            elif wait.fd in ready:
                one.held_up += now - one.unseen
                self._resume(one, partial(one.switch, True))
            elif (now if wait.fd is None else seen) >= wait.until:
                self._resume(one, partial(one.switch, False))
            elif now >= one.rings_at:
                self._resume(one, one.switch)  # it rings as soon as it runs

    def _resume(self, one: _Fiber, go: Callable[[], object]) -> None:
        del self._waits[one]
        self._go(one, go)

    def _ready(self, seconds: float) -> tuple[set[int | None], float]:
        """What is ready within so many seconds, and when that was seen."""
        poll, awaited = select.poll(), {}
        for one, wait in self._waits.items():
            if wait.fd is not None:
                poll.register(wait.fd, wait.events)
                awaited[one] = wait.fd
        if not awaited:
            time.sleep(seconds)
            return set(), time.monotonic()
        there = poll.poll(0)
        ready: set[int | None] = {fd for fd, _ in there or poll.poll(waiting.milliseconds(seconds))}
        now = time.monotonic()
        for one, fd in awaited.items():
            # What is there at the first look may have come long ago, and what comes while we wait comes just now.
            if not there or fd not in ready:
                one.unseen = now
        return ready, now

    def _go(self, one: _Fiber, go: Callable[[], object]) -> None:
        self._arm(one)
        self._since = time.monotonic()
        try:
            go()
        finally:
            one.busy += time.monotonic() - self._since
            one.alarm = self._taken()

    def _arm(self, one: _Fiber) -> None:
        """Let the alarm ring for who runs now, or what it had set for itself."""
        if not self._rings:
            return
        now = time.monotonic()
        if one.alarm:
            (handler, at, again), one.alarm = one.alarm, None
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, max(at - now, 0.000_1) if at != math.inf else 0, again)
            return
        until, again = self._handling, AGAIN
        if now >= until:
            again = max((self._end - now) / (len(self._waits) + 1), LEAST)
            until = now + again
        signal.setitimer(signal.ITIMER_REAL, max(min(until, one.limit) - now, 0.001), again)

    def _taken(self) -> Alarm | None:
        """What whoever runs rings for itself, if it does, and rings no more; from then on it is ours that rings."""
        if not self._rings or (handler := signal.getsignal(signal.SIGALRM)) is ring_within:
            return None
        left, again = signal.getitimer(signal.ITIMER_REAL)
        signal.signal(signal.SIGALRM, ring_within)
        return handler, time.monotonic() + left if left else math.inf, again

    def _finish(self) -> None:
        """End what is left, where somebody's error ended all."""
        self._end = 0.0
        for one in self._all:
            if one:  # begun, and not ended
                with suppress(BaseException):
                    one.throw(KeyboardInterrupt("another message's error ended all"))


def _in_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
