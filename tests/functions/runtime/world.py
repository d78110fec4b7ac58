"""A small AWS that may fail at every call: two queues with their consumers, a bus between them, a table of effects.

`numbers` (a FIFO or a standard queue) feeds a consumer that writes one effect a message and tells `Counted`, which
reaches the standard queue `tally`, whose consumer writes one effect an event. Time is counted, not waited for. A FIFO
group is received from its head on, up to its first hidden message; a message that was received as often as it may goes
to the dead-letter queue at the next receive.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Literal

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.contracts.contract import Command, Event
from functions.contracts.environment import ConsumerVariables, table_variable
from functions.runtime import clients
from functions.runtime.consumer import consumer
from functions.runtime.errors import Reject
from functions.runtime.message import Message
from functions.runtime.outcome import Duplicate
from functions.runtime.table import ConditionFailed, Table, plain, typed
from tests.aws import sqs
from tests.aws.client import Client
from tests.aws.errors import ServiceError
from tests.aws.expression import Expression
from tests.functions.events import ACCOUNT, record

VISIBILITY = 180
RECEIVES = 5
Fault = Literal["none", "kill before", "kill after", "refuse", "lose answer", "repeat"]
Verdict = Literal["good", "raise", "reject", "raise after effect"]
EFFECTS = Table("effects")


class Killed(KeyboardInterrupt):
    """The worker is gone; the consumer lets it through like nothing else."""


class Count(Command, frozen=True, kw_only=True):
    business_key: ClassVar[str | None] = "name"
    name: str


class Counted(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "counts"
    name: str


@dataclass
class Parcel:
    """A message in a queue. `seen` is the number of times that it was handed to a worker."""

    id: str
    body: str
    group: str | None = None
    receives: int = 0
    visible_at: float = 0


@dataclass
class Queue:
    name: str
    fifo: bool
    receives: int = RECEIVES
    waiting: list[Parcel] = field(default_factory=list)
    dead: list[Parcel] = field(default_factory=list)

    def receive(self, now: float, random: Random) -> list[Parcel]:
        """Up to ten messages, hidden from now on; those whose receives have run out are moved instead."""
        received: list[Parcel] = []
        for parcel in self._receivable(now, random):
            if parcel.receives == self.receives:
                self.waiting.remove(parcel)
                self.dead.append(parcel)
            elif len(received) < 10:
                parcel.receives += 1
                parcel.visible_at = now + VISIBILITY
                received.append(parcel)
        return received

    def _receivable(self, now: float, random: Random) -> list[Parcel]:
        if not self.fifo:
            visible = [parcel for parcel in self.waiting if parcel.visible_at <= now]
            random.shuffle(visible)
            return visible
        blocked: set[str | None] = set()
        receivable = []
        for parcel in self.waiting:
            if parcel.visible_at > now:
                blocked.add(parcel.group)
            elif parcel.group not in blocked:
                receivable.append(parcel)
        return receivable


class World:
    """Everything that exists; `faults` happen to its AWS calls in turn, `verdicts` to each name's attempts in turn."""

    def __init__(
        self,
        *,
        fifo: bool,
        seed: int = 0,
        faults: list[Fault] | None = None,
        verdicts: dict[str, list[Verdict]] | None = None,
        receives: int = RECEIVES,
    ) -> None:
        self.random = Random(seed)
        self.faults = list(faults or [])
        self.verdicts = {name: list(each) for name, each in (verdicts or {}).items()}
        self.now = 0.0
        self.numbers = Queue("numbers.fifo" if fifo else "numbers", fifo, receives)
        self.tally = Queue("tally", fifo=False)
        self.effects: list[str] = []
        self.causes: dict[str, dict[str, Any]] = {}
        self.published: Counter[str] = Counter()
        self.names: dict[str, str] = {}
        self.attempts: Counter[str] = Counter()
        self.consumers = {
            self.numbers.name: consumer(self.count, accepts=Count),
            self.tally.name: consumer(self.applied, accepts=Counted),
        }

    # What the two functions do.

    def count(self, command: Count, message: Message) -> list[Event] | Duplicate:
        self.attempts[command.name] += 1
        mine = self.verdicts.get(command.name)
        verdict = mine.pop(0) if mine else "good"
        if verdict == "reject":
            raise Reject("no")
        if verdict == "raise":
            raise RuntimeError("boom")
        events = [Counted(name=command.name)]
        repeated = not effect(f"count {command.name}")
        if verdict == "raise after effect":
            raise RuntimeError("late")
        return Duplicate(events) if repeated else list(events)

    def applied(self, event: Counted, message: Message) -> None:
        effect(f"apply {message.key} {event.name}")

    # What AWS does.

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        return self._call(lambda: self._put(arguments))

    def _put(self, arguments: dict[str, Any]) -> dict[str, Any]:
        item = plain(arguments["Item"])
        if item["name"] in self.effects:
            raise _conditional(arguments["Item"])
        self.effects.append(item["name"])
        return {}

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        def write() -> dict[str, Any]:
            id_ = arguments["Key"]["message_id"]["S"]
            names, values = arguments["ExpressionAttributeNames"], arguments["ExpressionAttributeValues"]
            before = typed(self.causes[id_]) if id_ in self.causes else None
            self.causes[id_] = plain(Expression(arguments["UpdateExpression"], names, values, before).applied())
            return {"Attributes": before} if before else {}

        return self._call(write, may_fail=False)

    def put_events(self, **arguments: Any) -> dict[str, Any]:
        def put() -> dict[str, Any]:
            for entry in arguments["Entries"]:
                envelope = json.loads(entry["Detail"])
                self.published[envelope["id"]] += 1
                assert self.names.setdefault(envelope["id"], envelope["data"]["name"]) == envelope["data"]["name"]
                body = {"detail-type": entry["DetailType"], "detail": envelope}
                self._send(self.tally, json.dumps(body))
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "id"} for _ in arguments["Entries"]]}

        return self._call(put)

    def change_message_visibility_batch(self, **arguments: Any) -> dict[str, Any]:
        return self._call(lambda: sqs.each(arguments["Entries"], self._hide))

    def _hide(self, entry: Mapping[str, Any]) -> None:
        sqs.check_visibility(entry)
        for parcel in (*self.numbers.waiting, *self.tally.waiting):
            if entry["ReceiptHandle"] == f"receipt-{parcel.id}-{parcel.receives}":
                parcel.visible_at = self.now + entry["VisibilityTimeout"]
                return
        raise ServiceError(400, "ReceiptHandleIsInvalid", "The receipt handle has expired")

    def _call(self, act: Callable[[], dict[str, Any]], *, may_fail: bool = True) -> dict[str, Any]:
        fault = self.faults.pop(0) if self.faults else "none"
        if fault in ("refuse", "lose answer") and not may_fail:
            fault = "none"
        if fault == "kill before":
            raise Killed
        if fault == "refuse":
            raise EndpointConnectionError(endpoint_url="https://aws.example")
        if fault == "repeat":
            act()
        answer = act()
        if fault == "kill after":
            raise Killed
        if fault == "lose answer":
            raise EndpointConnectionError(endpoint_url="https://aws.example")
        return answer

    # What a test does.

    def send(self, name: str, group: str | None = None) -> None:
        self._send(self.numbers, json.dumps({"name": name}), group)

    def _send(self, queue: Queue, body: str, group: str | None = None) -> None:
        identity = f"{self.random.getrandbits(64):016x}"
        queue.waiting.append(Parcel(identity, body, group, visible_at=self.now))

    def redrive(self) -> None:
        """All dead letters go home in order, with new ids, as SQS's own redrive does it."""
        for queue in (self.numbers, self.tally):
            dead, queue.dead = queue.dead, []
            for parcel in dead:
                self._send(queue, parcel.body, parcel.group)

    def run(self, seconds: float = float("inf")) -> None:
        """Let the workers work until nothing is left to do, or that much time has passed."""
        end = self.now + seconds
        with self._as_aws():
            while (self.numbers.waiting or self.tally.waiting) and self.now <= end:
                worked = [self._work(queue) for queue in (self.numbers, self.tally)]
                waits = [parcel.visible_at for queue in (self.numbers, self.tally) for parcel in queue.waiting]
                if not any(worked) and (later := [wait for wait in waits if wait > self.now]):
                    self.now = min(later)

    def _work(self, queue: Queue) -> bool:
        """One receive, and one batch; False if there was nothing to receive."""
        received = queue.receive(self.now, self.random)
        self.now += 0.05
        if not received:
            return False
        records = [
            record(p.body, message_id=p.id, attempt=p.receives, queue=queue.name, group=p.group) for p in received
        ]
        try:
            report = self.consumers[queue.name]({"Records": records})
        except Killed:
            return True
        failed = {entry["itemIdentifier"] for entry in report["batchItemFailures"]}
        assert failed <= {parcel.id for parcel in received}
        for parcel in received:
            if parcel.id not in failed:
                queue.waiting.remove(parcel)
                if not queue.fifo and self.random.random() < 0.1:
                    self._send(queue, parcel.body)  # at least once
        return True

    @contextmanager
    def _as_aws(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            asked = {service: Client(service, self) for service in ("dynamodb", "events", "sqs")}
            patch.setattr(clients, "made", asked)
            patch.setattr("time.sleep", lambda _: None)
            patch.setattr("functions.runtime.log._write", lambda _: None)
            told = ConsumerVariables(
                bus_name="bus",
                failures_table="failures",
                queue_url=f"https://sqs.example/{ACCOUNT}/queue",
                receives=self.numbers.receives,
                on_poison="halt" if self.numbers.receives == 1000 else "continue",
            )
            for name, value in (told.variables() | {table_variable(EFFECTS.name): "effects"}).items():
                patch.setenv(name, value)
            yield


def effect(name: str) -> bool:
    """Write the effect; False if it is there."""
    try:
        EFFECTS.put({"name": name}, condition="attribute_not_exists(#name)", names={"#name": "name"})
    except ConditionFailed:
        return False
    return True


def _conditional(item: dict[str, Any] | None) -> ClientError:
    response: Any = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "no"}}
    return ClientError(response | ({"Item": item} if item else {}), "PutItem")
