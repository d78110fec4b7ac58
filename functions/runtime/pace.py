"""How long a consumer's messages keep everybody else waiting, so that no more are begun than are done in time."""

from __future__ import annotations

LATEST = 10
"""Messages of which it is the mean, about: what was slow an hour ago says nothing."""


class Pace:
    """The pace of a consumer's messages, over its batches."""

    def __init__(self) -> None:
        self.busy: float | None = None
        """Seconds that a message takes but for its waiting; None before the first."""
        self._count = 0

    def took(self, busy: float) -> None:
        """Note a message in so many seconds of which nothing else could be handled."""
        self._count = min(self._count + 1, LATEST)
        known = self.busy or 0.0
        self.busy = known + (busy - known) / self._count
