"""Virtual time: what happens next, and when it is. Hours pass as fast as their events are counted."""

from __future__ import annotations

import heapq
from collections.abc import Callable

EPOCH = 1_800_000_000.0
"""What the wall clock says when a scenario starts, in seconds."""


class Clock:
    """`now` is seconds since the scenario began; what is due at the same time happens in the order it was asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.end = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._asked = 0

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Do `act` at `when`, or now if that is past."""
        self._asked += 1
        heapq.heappush(self._events, (max(when, self.now), self._asked, act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do `act` in so many seconds."""
        self.at(self.now + seconds, act)

    def run(self, until: float) -> None:
        """Let everything happen up to and including `until`."""
        self.end = until
        while self._events and self._events[0][0] <= until:
            self.now, _, act = heapq.heappop(self._events)
            act()
        self.now = max(self.now, until)

    def skip(self, until: float) -> bool:
        """Pass on to `until` at once if nothing else happens before; say whether that was so."""
        if until > self.end or (self._events and self._events[0][0] <= until):
            return False
        self.now = max(self.now, until)
        return True
