"""Which messages of a batch are attempted: not what would not be done in time, or would only meet what is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from functions.runtime import waiting
from functions.runtime.breaker import Weather
from functions.runtime.deadline import Deadline
from functions.runtime.errors import GroupBlocked, NotAttempted, Unavailable
from functions.runtime.outcome import Done, Failure, Outcomes
from functions.runtime.pace import Pace
from functions.runtime.record import Record
from functions.runtime.settings import Settings

if TYPE_CHECKING:
    from functions.runtime.park import Parking

SPARE = 1.2
"""A message is begun if there is time for this many of the batch's ordinary ones."""


def handle_line(line: list[Record], turns: Turns, handle: Callable[[Record], Done | Failure]) -> Outcomes:
    """Handle records one after the other; what follows a failure is blocked by it."""
    outcomes: Outcomes = {}
    head, behind = None, 0
    for record in line:
        if head:
            behind += 1
            error: Exception = GroupBlocked(f"Message {head.record.id} of the same group failed before it.")
            outcomes[record.id] = Failure.not_attempted(record, error, head=head, place=behind)
        elif refusal := turns.refusal(record):
            outcomes[record.id] = Failure.not_attempted(record, refusal)
        else:
            outcome = outcomes[record.id] = turns.take(partial(handle, record))
            head = outcome if isinstance(outcome, Failure) else None
    return outcomes


class Turns:
    """Which records of a batch are attempted: none that would not be done in time, or only meet what is away."""

    def __init__(self, parking: Parking | None, settings: Settings, deadline: Deadline, pace: Pace) -> None:
        self._parking = parking
        self._receives = settings.receives
        self._deadline = deadline
        self._pace = pace
        self._begun = time.monotonic()
        self._weather = Weather()
        self._running = 0
        self._handled = 0
        self._mean = 0.0
        self._late = 0

    def has_room(self) -> bool:
        """Whether another one may be handled beside those that are: what each does without waiting adds up."""
        return not self._running or self._left() >= SPARE * (self._running + 1) * (self._pace.busy or 0)

    def refusal(self, record: Record) -> Exception | None:
        """Why the record is not attempted; None if it is. To be asked right before its turn."""
        if self._weather.stormy and record.attempt < self._receives - 1:
            return Unavailable(f"Not attempted: {self._weather.stormy}")
        if not self._has_time():
            each = (time.monotonic() - self._begun) / self._handled if self._handled else 0
            self._late += 1
            return NotAttempted("The batch's time ran out before its turn.", delay=(self._late - 1) * each)
        return self._parking.verdict(record) if self._parking else None

    def take(self, handle: Callable[[], Done | Failure]) -> Done | Failure:
        """The outcome of a record, whose time and fate say something of those after it."""
        began, busy = time.monotonic(), waiting.busy()
        self._running += 1
        outcome = handle()
        self._running -= 1
        self._handled += 1
        self._mean += (time.monotonic() - began - self._mean) / self._handled
        self._pace.took(waiting.busy() - busy)
        self._weather.see(outcome.error if isinstance(outcome, Failure) else None)
        return outcome

    def _has_time(self) -> bool:
        """Whether another message is likely to be done in time; a message is not begun only to be interrupted."""
        return self._left() > 0 and (not self._handled or self._left() >= SPARE * self._mean)

    def _left(self) -> float:
        return self._deadline.left("handling")
