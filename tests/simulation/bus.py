"""EventBridge: entries accepted one by one, and each rule's event on its way to a queue, at least once, in no order.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tests.aws import events
from tests.simulation.clock import Clock
from tests.simulation.evidence import Told
from tests.simulation.queues import Queue
from tests.simulation.wire import Call

RETRIES = 185
OLDEST = 24 * 3600
NO_PERMISSION = "NO_PERMISSIONS"


class Bus:
    """`targets` are the queues of each event by its source and detail-type, each with that for what is undelivered.

    `duplicates` is the chance that an event is delivered twice, `blocked` whether a queue's policy forbids the rule,
    `away` whether SQS is in an outage, `heard` whether a queue's pattern takes an event of that type and data.
    """

    def __init__(
        self,
        targets: dict[tuple[str, str], list[tuple[Queue, Queue]]],
        *,
        name: str,
        clock: Clock,
        random: Random,
        allowed: Callable[[str, str, str], bool],
        away: Callable[[], bool],
        blocked: Callable[[str], bool],
        undelivered: Callable[[Queue, str, str, str], None],
        duplicates: float,
        heard: Callable[[str, str, Mapping[str, Any]], bool] = lambda _, __, ___: True,
    ) -> None:
        self.told: list[Told] = []
        self._targets = targets
        self._name = name
        self._clock = clock
        self._random = random
        self._allowed = allowed
        self._away = away
        self._blocked = blocked
        self._undelivered = undelivered
        self._duplicates = duplicates
        self._heard = heard

    def answer(self, call: Call) -> dict[str, Any]:
        """What EventBridge answers. Raises `ServiceError`, and `LookupError` for a call that is not modelled."""
        if call.operation != "PutEvents":
            raise LookupError(f"the simulation has no {call.operation}; add it to bus.py")
        entries = call.body["Entries"]
        events.check(call.operation, call.body)
        results = [self._put(call, entry) for entry in entries]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def unheard(self, call: Call) -> None:
        """Nobody asks: every event is in `told`."""

    def _put(self, call: Call, entry: dict[str, str]) -> dict[str, str]:
        bus = entry.get("EventBusName", "default")
        told = f"{bus} {entry['Source']} {entry['DetailType']}"
        if not self._allowed(call.worker.function, "events:PutEvents", told) or bus != self._name:
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": f"no access to {bus}"}
        if call.partial and self._random.random() < 0.5:
            code = self._random.choice(("InternalFailure", "ThrottlingException"))
            return {"ErrorCode": code, "ErrorMessage": "Please try again"}
        if (fault := events.fault(entry)) is not None:
            return fault
        detail = json.loads(entry["Detail"])
        identity = f"{self._random.getrandbits(128):032x}"
        self.told.append(Told(self._clock.now, entry["DetailType"], detail))
        body = {"version": "0", "id": identity, "detail-type": entry["DetailType"], "source": entry["Source"]}
        text = json.dumps(
            body | {"account": "000000000000", "region": "eu-central-1", "resources": [], "detail": detail}
        )
        for queue, aside in self._targets.get((entry["Source"], entry["DetailType"]), []):
            if not self._heard(queue.word, entry["DetailType"], detail.get("data", {})):
                continue
            for _ in range(1 + (self._random.random() < self._duplicates)):
                self._deliver(queue, aside, text, attempt=1, since=self._clock.now)
        return {"EventId": identity}

    def _deliver(self, queue: Queue, aside: Queue, text: str, *, attempt: int, since: float) -> None:
        def arrive() -> None:
            if self._blocked(queue.word):
                self._undelivered(queue, aside.send(text, {"ERROR_CODE": NO_PERMISSION})[0], text, NO_PERMISSION)
            elif not self._away():
                queue.send(text, {})
            elif attempt < RETRIES and self._clock.now - since < OLDEST:
                self._deliver(queue, aside, text, attempt=attempt + 1, since=since)
            else:
                code = "SDK_CLIENT_ERROR"
                self._undelivered(queue, aside.send(text, {"ERROR_CODE": code})[0], text, code)

        pause = min(2.0 ** (attempt - 1), 600) - 1
        self._clock.after(pause + self._random.uniform(0.05, 1), arrive)
