"""SQS: standard queues that repeat and reorder, FIFO queues with groups, receives, redrive policy and retention.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

from tests.aws import sqs
from tests.aws.errors import ServiceError
from tests.simulation.clock import EPOCH, Clock
from tests.simulation.wire import Call

DEDUPLICATION = 300
"""Seconds for which a FIFO queue knows a deduplication id."""
LONGEST = 12 * 3600
"""Seconds for which a message may be hidden after its receive."""


@dataclass(eq=False)
class Parcel:
    """A message in a queue. Times are seconds of virtual time; `receipt` is that of the last receive."""

    id: str
    body: str
    attributes: dict[str, str]
    group: str | None
    sent: float
    visible_at: float
    receives: int = 0
    received_at: float = 0
    first_received_at: float | None = None
    receipt: str = ""
    sequence: int = 0

    def record(self, queue: str) -> dict[str, Any]:
        """As Lambda hands it over: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
        system = {
            "ApproximateReceiveCount": str(self.receives),
            "SentTimestamp": str(int((EPOCH + self.sent) * 1000)),
            "SenderId": "edge",
            "ApproximateFirstReceiveTimestamp": str(int((EPOCH + (self.first_received_at or 0)) * 1000)),
        }
        if self.group and not queue.endswith(".fifo"):
            system["MessageGroupId"] = self.group
        elif self.group:
            system |= {"MessageGroupId": self.group, "SequenceNumber": f"{self.sequence:020}"}
        return {
            "messageId": self.id,
            "receiptHandle": self.receipt,
            "body": self.body,
            "attributes": system,
            "messageAttributes": {
                name: {"stringValue": text, "dataType": "String", "stringListValues": [], "binaryListValues": []}
                for name, text in self.attributes.items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:eu-central-1:000000000000:{queue}",
            "awsRegion": "eu-central-1",
        }


@dataclass(eq=False)
class Queue:
    """`waiting` are its messages in the order in which they came. `receives` is None for a dead-letter queue."""

    word: str
    name: str
    clock: Clock
    random: Random
    fifo: bool = False
    visibility: float = 180
    retention: float = 14 * 86400
    receives: int | None = None
    dead_letters: Queue | None = None
    duplicates: float = 0.0
    shuffled: bool = True
    died: Callable[[Parcel], None] = lambda _: None
    waiting: list[Parcel] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    _sequence: int = 0
    _known: dict[tuple[str | None, str], tuple[float, str]] = field(default_factory=dict)

    def send(
        self,
        body: str,
        attributes: dict[str, str],
        group: str | None = None,
        deduplication: str | None = None,
        delay: float = 0,
    ) -> tuple[str, bool]:
        """Take a message, to be received after `delay` seconds; its id, and whether it is new."""
        known = self._known.get((group, deduplication or ""))
        if self.fifo and known and known[0] > self.clock.now:
            return known[1], False
        identity = f"{self.random.getrandbits(128):032x}"
        if self.fifo:
            assert group, "a FIFO queue takes no message without a group"
            assert deduplication, "a FIFO queue takes no message without a deduplication id"
            self._known[group, deduplication] = (self.clock.now + DEDUPLICATION, identity)
        assert not (self.fifo and delay), "a FIFO queue takes no delay of a single message"
        self._take(Parcel(identity, body, dict(attributes), group, self.clock.now, self.clock.now + delay))
        return identity, True

    def receive(self, most: int) -> list[Parcel]:
        """Up to `most` messages, hidden from now on; those whose receives have run out are moved instead."""
        self._expire()
        received: list[Parcel] = []
        for parcel in list(self._receivable()):
            if parcel.receives == self.receives:
                self._bury(parcel)
                continue
            if len(received) == most:
                break
            parcel.receives += 1
            parcel.received_at = self.clock.now
            parcel.first_received_at = parcel.first_received_at or self.clock.now
            parcel.visible_at = self.clock.now + self.visibility
            parcel.receipt = f"{parcel.id}/{parcel.receives}"
            received.append(replace(parcel))
            if not self.fifo and self.random.random() < self.duplicates:
                parcel.visible_at = self.clock.now + self.random.uniform(0, 2)  # at least once
        return received

    def delete(self, receipt: str) -> bool:
        """Delete what was received under `receipt`; on a standard queue whatever was received of it since."""
        for parcel in self.waiting:
            if parcel.receipt == receipt or (not self.fifo and parcel.id == receipt.partition("/")[0]):
                if self.fifo and parcel.visible_at <= self.clock.now:
                    return False
                self.waiting.remove(parcel)
                self.changed()
                return True
        return False

    def hide(self, receipt: str, seconds: float) -> ServiceError | None:
        """Hide the message for `seconds` from now on, or say why not."""
        for parcel in self.waiting:
            if parcel.receipt != receipt:
                continue
            if parcel.visible_at <= self.clock.now:
                return ServiceError(400, "MessageNotInflight", "The message is not in flight")
            if self.clock.now + seconds - parcel.received_at > LONGEST:
                return ServiceError(400, "InvalidParameterValue", "Total VisibilityTimeout exceeds 12 hours")
            parcel.visible_at = self.clock.now + seconds
            self.changed()
            return None
        return ServiceError(400, "ReceiptHandleIsInvalid", "The receipt handle has expired")

    def next_visible(self) -> float | None:
        """When a message of those that are hidden now can be received, at the earliest; None if all could be now."""
        self._expire()
        if next(iter(self._receivable()), None) is not None:
            return self.clock.now
        if not self.fifo:
            return min((parcel.visible_at for parcel in self.waiting), default=None)
        heads: dict[str | None, float] = {}
        for parcel in self.waiting:
            heads.setdefault(parcel.group, parcel.visible_at)
        return min(heads.values(), default=None)

    def _take(self, parcel: Parcel) -> None:
        # A move into a queue counts as a send, with a number of its own.
        self._sequence += 1
        parcel.sequence = self._sequence
        self.waiting.append(parcel)
        self.changed()

    def _receivable(self) -> Iterator[Parcel]:
        now = self.clock.now
        if self.fifo:
            blocked: set[str | None] = set()
            for parcel in self.waiting:
                if parcel.visible_at > now:
                    blocked.add(parcel.group)
                elif parcel.group not in blocked:
                    yield parcel
            return
        visible = [parcel for parcel in self.waiting if parcel.visible_at <= now]
        if self.shuffled:
            self.random.shuffle(visible)
        yield from visible

    def _bury(self, parcel: Parcel) -> None:
        assert self.dead_letters is not None
        self.waiting.remove(parcel)
        # A FIFO queue's move counts as sent anew; a standard one's keeps the time at which it was sent.
        sent = self.clock.now if self.fifo else parcel.sent
        self.dead_letters._take(replace(parcel, sent=sent, visible_at=self.clock.now))
        self.died(parcel)

    def _expire(self) -> None:
        old = [parcel for parcel in self.waiting if self.clock.now - parcel.sent > self.retention]
        for parcel in old:
            self.waiting.remove(parcel)
            self.expired.append(parcel.id)


class Sqs:
    """What functions may ask of their queues, by the address in their environment."""

    def __init__(self, queues: dict[str, Queue], random: Random, allowed: Callable[[str, str, str], bool]) -> None:
        self._queues = queues
        self._random = random
        self._allowed = allowed
        self.sent: Callable[[Queue, str, Mapping[str, Any]], None] = lambda *_: None
        """Hears of each message that a function sent: its queue, its id, and what was sent."""

    def answer(self, call: Call) -> dict[str, Any]:
        """What SQS answers. Raises `ServiceError`, and `LookupError` for a call that is not modelled."""
        queue = self._queues[call.body["QueueUrl"].rpartition("/")[2]]
        # IAM knows batches by their single action.
        action = call.operation.removesuffix("Batch")
        if not self._allowed(call.worker.function, f"sqs:{action}", queue.name):
            raise ServiceError(403, "AccessDenied", f"{call.worker.function} may not sqs:{action} on {queue.name}")
        sqs.check(call.operation, call.body)
        match call.operation:
            case "ChangeMessageVisibility":
                if error := queue.hide(call.body["ReceiptHandle"], call.body["VisibilityTimeout"]):
                    raise error
                return {}
            case "SendMessage":
                identity = send(queue, call.body)
                self.sent(queue, identity, call.body)
                return {"MessageId": identity}
            case "SendMessageBatch":
                check = partial(sqs.check_message, fifo=queue.fifo)
                return self._each(call, lambda entry: _sent(queue, entry), check)
            case "ChangeMessageVisibilityBatch":
                return self._each(call, lambda entry: queue.hide(entry["ReceiptHandle"], entry["VisibilityTimeout"]))
            case _:
                raise LookupError(f"the simulation has no {call.operation}; add it to queues.py")

    def unheard(self, call: Call) -> None:
        """Nobody asks."""

    def _each(
        self,
        call: Call,
        act: Callable[[dict[str, Any]], ServiceError | None],
        check: Callable[[Mapping[str, Any]], None] = sqs.check_visibility,
    ) -> dict[str, Any]:
        def one(entry: Mapping[str, Any]) -> None:
            check(entry)
            error = act(dict(entry))
            if call.partial and self._random.random() < 0.5:
                error = ServiceError(500, "InternalError", "We are sorry")
            if error:
                raise error

        return sqs.each(call.body["Entries"], one)


def send(queue: Queue, entry: Mapping[str, Any]) -> str:
    """Send what SendMessage's parameters say; the id."""
    attributes = {name: value["StringValue"] for name, value in entry.get("MessageAttributes", {}).items()}
    group, deduplication = (entry.get(f"Message{name}Id") for name in ("Group", "Deduplication"))
    return queue.send(entry["MessageBody"], attributes, group, deduplication, entry.get("DelaySeconds", 0))[0]


def _sent(queue: Queue, entry: Mapping[str, Any]) -> None:
    send(queue, entry)
