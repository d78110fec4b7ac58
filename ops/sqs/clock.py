"""Time as SQS counts it: it also passes while this process is stopped, or this machine asleep."""

from __future__ import annotations

import asyncio
import time

# Linux's CLOCK_MONOTONIC stands still while the machine sleeps, macOS's does not and has no CLOCK_BOOTTIME.
# https://man7.org/linux/man-pages/man2/clock_gettime.2.html
_AWAKE_OR_NOT = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)


def since_boot() -> float:
    """Seconds that passed since some moment, those of sleep included; no change of the time of day moves it."""
    return time.clock_gettime(_AWAKE_OR_NOT) if _AWAKE_OR_NOT is not None else time.time()


class Clock:
    """Seconds that have passed, by the event loop's clock or by the machine's, whichever went further."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._passed = 0.0
        self._awake, self._machine = self._loop.time(), since_boot()

    def now(self) -> float:
        """Seconds since the clock was made."""
        awake, machine = self._loop.time(), since_boot()
        self._passed += max(0.0, awake - self._awake, machine - self._machine)
        self._awake, self._machine = awake, machine
        return self._passed
