"""Lambda's poller: takes batches from a queue, invokes the function, and deletes what it did not report.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.clock import Clock
from tests.simulation.queues import Parcel, Queue

PAUSE = 5
"""Seconds until the poller asks SQS again after an error of it."""

Answered = Callable[[str | None], None]
"""What is called with the function's answer as JSON, or with None for a function error."""
Invoke = Callable[[dict[str, Any], Answered], None]


def failed(answer: str | None, ids: set[str]) -> set[str]:
    """Which messages of a batch of `ids` failed, by the contract of partial batch responses.

    All of them if the function failed, or if its answer is not JSON, names a message that was not in the batch, or
    names none where it should. None of them for an empty answer, a null, or an empty list.
    """
    if answer is None:
        return ids
    try:
        response = json.loads(answer)
    except ValueError:
        return ids
    if response is None or response == {} or response == "":
        return set()
    if not isinstance(response, dict):
        return ids
    entries = response.get("batchItemFailures")
    if entries is None or entries == []:
        return set()
    if not isinstance(entries, list):
        return ids
    named: set[str] = set()
    for entry in entries:
        identity = entry.get("itemIdentifier") if isinstance(entry, dict) else None
        if not identity or identity not in ids:
            return ids
        named.add(identity)
    return named


class Poller:
    """One event source mapping: up to `concurrency` batches at once, of up to `batch` messages gathered in `window` s.

    A batch whose invocation Lambda throttles is offered again until its messages are visible, as one that was never
    taken. A mapping that is not `enabled` takes nothing, nor does one whose function's role `may` not do what polling
    takes. Failures make it no slower, as it always takes reports of partial failures (reference 2.1).
    """

    def __init__(
        self,
        queue: Queue,
        invoke: Invoke,
        *,
        clock: Clock,
        random: Random,
        batch: int,
        window: float,
        concurrency: int,
        away: Callable[[str], bool],
        duplicates: float = 0.0,
        may: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._queue = queue
        self._invoke = invoke
        self._clock = clock
        self._random = random
        self._batch = batch
        self._window = window
        self._concurrency = concurrency
        self._away = away
        self._duplicates = duplicates
        self._may = may
        self._running = 0
        self._due = math.inf
        self.enabled = True
        queue.changed = self.wake

    def wake(self) -> None:
        """Ask SQS soon."""
        self._plan(self._clock.now + self._random.uniform(0.005, 0.05))

    def _plan(self, when: float) -> None:
        when = max(when, self._clock.now + 0.001)
        if when < self._due:
            self._due = when
            self._clock.at(when, lambda: self._poll(when))

    def _poll(self, when: float) -> None:
        if when != self._due:
            return
        self._due = math.inf
        if not self.enabled or not self._may("GetQueueAttributes") or not self._may("ReceiveMessage"):
            return
        if self._away("sqs"):
            self._plan(self._clock.now + PAUSE)
            return
        while self._running < self._concurrency and (parcels := self._queue.receive(self._batch)):
            self._running += 1
            if self._window and len(parcels) < self._batch:
                self._clock.after(self._window, lambda parcels=parcels: self._gather(parcels))  # type: ignore[misc]
            else:
                self._start(parcels)
        if self._running < self._concurrency and (next_one := self._queue.next_visible()) is not None:
            self._plan(next_one)

    def _gather(self, parcels: list[Parcel]) -> None:
        more = [] if self._away("sqs") else self._queue.receive(self._batch - len(parcels))
        self._start([*parcels, *more])

    def _start(self, parcels: list[Parcel]) -> None:
        records = [parcel.record(self._queue.name) for parcel in parcels]
        if self._random.random() < self._duplicates:
            records.append(dict(records[0]))
        hidden_until = self._clock.now + self._queue.visibility

        def offer() -> None:
            if self._clock.now > hidden_until:
                self._settle(parcels, None)
            elif self._away("lambda"):
                self._clock.after(self._random.uniform(5, 15), offer)
            else:
                self._invoke({"Records": records}, lambda answer: self._settle(parcels, answer))

        self._clock.after(self._random.uniform(0.002, 0.02), offer)

    def _settle(self, parcels: list[Parcel], answer: str | None) -> None:
        self._running -= 1
        again = failed(answer, {parcel.id for parcel in parcels})
        done = [parcel for parcel in parcels if parcel.id not in again]
        if done and not self._away("sqs") and self._may("DeleteMessage"):
            for parcel in done:
                # At least once: now and then SQS keeps what it was told to delete.
                if self._queue.fifo or self._random.random() >= self._duplicates / 4:
                    self._queue.delete(parcel.receipt)
        self.wake()
