"""The function's time: work stops early enough to publish, to report, and to leave a record that hangs behind."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from functions.runtime.errors import OutOfTime

# What publishing and reporting may take at the end: a fifth of the time, five seconds at the most.
RESERVE_SHARE = 0.2
RESERVE_MOST = 5.0
# What stays for the answer itself.
LAST = 0.2


class Deadline:
    """When the invocation ends, and when work must stop before that. `context` None, as in a REPL, means never."""

    def __init__(self, context: Any) -> None:
        remaining = context.get_remaining_time_in_millis() / 1000 if context else math.inf
        reserve = min(RESERVE_MOST, RESERVE_SHARE * remaining)
        now = time.monotonic()
        self.work = now + remaining - reserve
        self.end = now + remaining - min(LAST, reserve)

    def work_left(self) -> float:
        """Seconds left for handling records."""
        return self.work - time.monotonic()

    def left(self) -> float:
        """Seconds left for everything."""
        return self.end - time.monotonic()


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in the body once `seconds` have passed, even if it waits for a socket or sleeps.

    The alarm repeats until the body ends, because a body may swallow the first. Only the main thread, where Lambda runs
    handlers, gets alarms; elsewhere the body just runs.
    """
    if seconds == math.inf or threading.current_thread() is not threading.main_thread():
        yield
        return
    if seconds <= 0:
        raise OutOfTime("The function's time ran out.")

    def ring(*_: object) -> None:
        raise OutOfTime("The function's time ran out while the message was handled.")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
