"""A FIFO queue that parks, with its dead-letter queue and the table of places; time is counted, and calls may fail.

`Group` sends messages by number, hands them to the real consumer as SQS and Lambda do, and redrives what is dead as
somebody chooses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.contracts.contract import Command, Event
from functions.contracts.environment import ConsumerVariables
from functions.contracts.parked import Place, places
from functions.runtime import clients
from functions.runtime.consumer import consumer
from functions.runtime.errors import Reject
from functions.runtime.message import Message
from functions.runtime.table import plain
from tests.aws import sqs
from tests.aws.client import Client
from tests.aws.errors import ServiceError
from tests.aws.expression import Expression
from tests.functions.events import record
from tests.functions.fakes import refusal

QUEUE = "steps.fifo"
VISIBILITY = 180
RECEIVES = 5
Fault = Literal["none", "kill before", "kill after", "refuse", "lose answer", "repeat", "late", "lost and late"]
Verdict = Literal["good", "raise", "reject", "raise after effect", "kill"]


class Killed(KeyboardInterrupt):
    """The worker is gone."""


class Step(Command, frozen=True, kw_only=True):
    business_key: ClassVar[str | None] = "name"
    name: str


@dataclass(eq=False)
class Parcel:
    name: str
    group: str
    sequence: int
    id: str
    keyed: bool
    body: str
    attributes: dict[str, str]
    receives: int = 0
    visible_at: float = 0.0


@dataclass
class Group:
    """`faults` happen to the calls about places in turn, `verdicts` to each message's attempts in turn.

    A call that is late is done by its repetition, if it is not lost, and once more before the call so many after it,
    which `delays` says in turn. `unread` are keys of items that a read leaves out, once for each time they are there.
    """

    faults: list[Fault] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)
    batch: int = 10
    now: float = 1_764_000_000.0
    numbers: int = 0
    waiting: list[Parcel] = field(default_factory=list)
    dead: list[Parcel] = field(default_factory=list)
    accepted: dict[str, list[str]] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    late: list[tuple[int, Callable[[], dict[str, Any]]]] = field(default_factory=list)

    # What a test does.

    def send(self, name: str, group: str = "g", *, keyed: bool = True) -> None:
        attributes = {"idempotency_key": name, "received_at": str(round(self.now))} if keyed else {}
        self.accepted.setdefault(group, []).append(name)
        self._take(self.waiting, Parcel(name, group, 0, "", keyed, f'{{"name": "{name}"}}', attributes))

    def redrive(self, chosen: Sequence[int] | None = None) -> None:
        """Send these of the dead letters back, in this order; all of them if none are said."""
        picked = [self.dead[index] for index in chosen] if chosen is not None else list(self.dead)
        for parcel in picked:
            self.dead.remove(parcel)
            self._take(self.waiting, parcel)

    def run(self, batches: int = 400) -> None:
        """Let that many batches be taken, or until nothing is left to do."""
        handler = consumer(self._handle, accepts=Step)
        with self._as_aws():
            for _ in range(batches):
                if not self.waiting:
                    return
                received = self._receive()
                if not received:
                    later = [parcel.visible_at for parcel in self.waiting if parcel.visible_at > self.now]
                    if not later:
                        continue  # what could be received was buried
                    self.now = min(later)
                    continue
                self.now += 0.05
                try:
                    report = handler({"Records": [self._record(parcel) for parcel in received]})
                except Killed:
                    continue
                failed = {entry["itemIdentifier"] for entry in report["batchItemFailures"]}
                for parcel in received:
                    if parcel.id not in failed:
                        self.waiting.remove(parcel)
        assert batches < 400, "it never ends"

    def parked(self, group: str = "g") -> list[Place]:
        return places({name: plain({"v": value})["v"] for name, value in self.items.get(f"steps/{group}", {}).items()})

    def done(self, group: str = "g") -> list[str]:
        """What took effect of the group, in the order in which it did first."""
        return [name for name in self.effects if name in self.accepted.get(group, [])]

    def arrive(self, now: float = math.inf) -> None:
        """Let what is late be done if its time has come."""
        for due, act in [each for each in self.late if each[0] <= now]:
            self.late.remove((due, act))
            with suppress(ClientError):
                act()

    # What the function does.

    def _handle(self, step: Step, message: Message) -> list[Event]:
        self.attempts.append(step.name)
        mine = self.verdicts.get(step.name)
        verdict = mine.pop(0) if mine else "good"
        if verdict == "kill":
            raise Killed
        if verdict == "reject":
            raise Reject("no")
        if verdict == "raise":
            raise RuntimeError("boom")
        if step.name not in self.effects:
            self.effects.append(step.name)
        if verdict == "raise after effect":
            raise RuntimeError("late")
        return []

    # What AWS does.

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            ((table, asked),) = arguments["RequestItems"].items()
            assert asked["ConsistentRead"]
            left = [key for key in asked["Keys"] if key["group"]["S"] in self.unread]
            for key in left:
                self.unread.remove(key["group"]["S"])
            keys = [key["group"]["S"] for key in asked["Keys"] if key not in left]
            found = [self.items[key] for key in keys if key in self.items]
            return {"Responses": {table: found}, "UnprocessedKeys": {table: asked | {"Keys": left}} if left else {}}

        return self._call("read", read)

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        if arguments["TableName"] == "failures":
            return self._cause(arguments)

        def update() -> dict[str, Any]:
            key, values = arguments["Key"], arguments["ExpressionAttributeValues"]
            before = self.items.get(key["group"]["S"])
            if not Expression(arguments["ConditionExpression"], {}, values, before).holds():
                refused = refusal("ConditionalCheckFailedException", "UpdateItem")
                refused.response |= {"Item": before} if before else {}
                raise refused
            self.items[key["group"]["S"]] = (
                Expression(arguments["UpdateExpression"], {}, values, before).applied() | key
            )
            return {}

        return self._call("remove" if "REMOVE" in arguments["UpdateExpression"] else "enter", update)

    def _cause(self, arguments: dict[str, Any]) -> dict[str, Any]:
        id_, names = arguments["Key"]["message_id"]["S"], arguments["ExpressionAttributeNames"]
        before = self.records.get(id_, {})
        change = Expression(arguments["UpdateExpression"], names, arguments["ExpressionAttributeValues"], before)
        self.records[id_] = change.applied()
        item = plain(self.records[id_])
        self.causes[id_] = f"{item['error_type']}: {item['error_message']}"
        return {"Attributes": before}

    def send_message(self, **arguments: Any) -> dict[str, Any]:
        return {"MessageId": "sent"}

    def change_message_visibility_batch(self, **arguments: Any) -> dict[str, Any]:
        return sqs.each(arguments["Entries"], self._hide)

    def _hide(self, entry: Mapping[str, Any]) -> None:
        sqs.check_visibility(entry)
        for parcel in self.waiting:
            if entry["ReceiptHandle"] == f"receipt-{parcel.id}-{parcel.receives}":
                parcel.visible_at = self.now + entry["VisibilityTimeout"]
                return
        raise ServiceError(400, "ReceiptHandleIsInvalid", "The receipt handle has expired")

    def _call(self, name: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self.calls.append(name)
        self.arrive(len(self.calls))
        fault = self.faults.pop(0) if self.faults else "none"
        if fault == "kill before":
            raise Killed
        if fault in ("late", "lost and late"):
            delay = self.delays.pop(0) if self.delays else 2
            self.late.append((len(self.calls) + delay, act))
        if fault in ("refuse", "lost and late"):
            raise EndpointConnectionError(endpoint_url="https://aws.example")
        answer = act()
        if fault == "repeat":
            answer = act()
        if fault == "kill after":
            raise Killed
        if fault == "lose answer":
            raise EndpointConnectionError(endpoint_url="https://aws.example")
        return answer

    def _take(self, queue: list[Parcel], parcel: Parcel) -> None:
        self.numbers += 1
        # SQS gives a redriven message another id and another number.
        parcel.id, parcel.sequence = f"{parcel.name}-{self.numbers}", self.numbers
        parcel.receives, parcel.visible_at = 0, self.now
        queue.append(parcel)

    def _receive(self) -> list[Parcel]:
        received: list[Parcel] = []
        locked: set[str] = set()
        for parcel in list(self.waiting):
            if parcel.visible_at > self.now or parcel.group in locked:
                locked.add(parcel.group)
            elif parcel.receives == RECEIVES:
                self.waiting.remove(parcel)
                self.dead.append(parcel)
            elif len(received) < self.batch:
                parcel.receives += 1
                parcel.visible_at = self.now + VISIBILITY
                received.append(parcel)
        return received

    def _record(self, parcel: Parcel) -> dict[str, Any]:
        made = record(
            parcel.body,
            message_id=parcel.id,
            attempt=parcel.receives,
            queue=QUEUE,
            group=parcel.group,
            sent=self.now,
            **parcel.attributes,
        )
        made["attributes"]["SequenceNumber"] = f"{parcel.sequence:020d}"
        return made

    @contextmanager
    def _as_aws(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            asked = {service: Client(service, self) for service in ("dynamodb", "events", "sqs")}
            patch.setattr(clients, "made", asked)
            patch.setattr("time.time", lambda: self.now)
            patch.setattr("time.sleep", lambda _: None)
            patch.setattr("functions.runtime.log._write", lambda _: None)
            told = ConsumerVariables(
                service="steps",
                failures_table="failures",
                parked_table="parked",
                queue_url="https://sqs.example/steps.fifo",
                receives=RECEIVES,
                on_poison="park",
            )
            for name, value in told.variables().items():
                patch.setenv(name, value)
            yield
