"""The invocation that runs now, and its time: work stops early enough to publish, to report, and leave what hangs."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from functions.runtime import waiting
from functions.runtime.errors import OutOfTime

# What publishing and reporting may take at the end: a fifth of the time, five seconds at the most.
RESERVE_SHARE = 0.2
RESERVE_MOST = 5.0
# Seconds between alarms.
AGAIN = 0.5

T = TypeVar("T")
Phase = Literal["handling", "answers", "publishing", "reporting"]

invocation: ContextVar[Any] = ContextVar("invocation", default=None)
"""The Lambda context, for what needs it deep inside a handler; None outside Lambda."""

_end: ContextVar[float] = ContextVar("end", default=math.inf)


class Deadline:
    """When handling, publishing and reporting must each stop, so that the next one still has its time.

    Where messages are handled side by side, one of them may hold up the others until handling must stop: what these
    have asked by then is still answered, or for a moment waited for, which is the phase "answers". `context` is
    Lambda's; None, as in a REPL, means that there is no end.
    """

    def __init__(self, context: Any) -> None:
        remaining = context.get_remaining_time_in_millis() / 1000 if context else math.inf
        reserve = min(RESERVE_MOST, RESERVE_SHARE * remaining)
        end = time.monotonic() + remaining
        self._ends = {
            "handling": end - reserve,
            "answers": end - reserve * 3 / 4,
            "publishing": end - reserve / 2,
            "reporting": end - reserve / 10,
        }

    def left(self, phase: Phase) -> float:
        """Seconds left for the phase; infinite in a REPL, and not above zero when it must stop."""
        return self._ends[phase] - time.monotonic()


def left() -> float:
    """Seconds that the innermost `within` has left; infinite outside of one."""
    return _end.get() - time.monotonic()


def within(seconds: float, body: Callable[[], T]) -> T:
    """What `body` returns. Raises `OutOfTime` in it once `seconds` have passed, even while it sleeps or waits.

    The alarm repeats until the body ends, because a body may swallow the first. One inside another ends with the outer
    one at the latest, and leaves it its alarm. Only the main thread, where Lambda runs handlers, gets alarms; elsewhere
    the body just runs.
    """
    now = time.monotonic()
    end = min(_end.get(), now + seconds)
    if end == math.inf:
        return body()
    if end <= now:
        raise OutOfTime("The function's time ran out.")
    token = _end.set(end)
    try:
        if turns := waiting.turns():
            return turns.bounded(end, body)
        if threading.current_thread() is not threading.main_thread():
            return body()
        return _alarmed(end, body, _ring)
    finally:
        _end.reset(token)


def alarm(seconds: float, body: Callable[[], T]) -> T:
    """What `body` returns, in which several run in turns: whoever runs after so many seconds gets an `OutOfTime`.

    Only within `within` does anybody get it, so that nothing is lost between two of them.
    """
    if seconds == math.inf or threading.current_thread() is not threading.main_thread():
        return body()
    return _alarmed(time.monotonic() + seconds, body, ring_within)


def _alarmed(end: float, body: Callable[[], T], ring: Callable[..., None]) -> T:
    started = time.monotonic()
    outer, again = signal.getitimer(signal.ITIMER_REAL)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, max(end - started, 0.001), AGAIN)
            return body()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        # The alarm may ring in the inner block just before it is turned off, but not twice within so short a time.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - started), 0.001), again)


def _ring(*_: object) -> None:
    raise OutOfTime("The function's time ran out.")


def ring_within(*_: object) -> None:
    """The alarm of bodies that run in turns."""
    if _end.get() != math.inf:
        _ring()
