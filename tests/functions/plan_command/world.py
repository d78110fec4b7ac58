"""A small AWS in counted time: whoever asks, `plan_command`, Scheduler, and the queue of what was planned.

`asks` are messages whose consumer answers with what they say; `plan_command` handles its own queue; Scheduler sends to
`work`, late by up to a minute and sometimes twice, whose consumer has one effect a key. Any call may kill its worker,
be refused, lose its answer or be done twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, Literal

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.contracts.contract import Command
from functions.contracts.environment import QUEUE, ConsumerVariables, PlanVariables, table_variable
from functions.contracts.later import Cancel, Later
from functions.contracts.plan import PLAN_COMMAND, PLANNED
from functions.plan_command import handler as planner
from functions.runtime import clients
from functions.runtime.consumer import Consumer, Message, consumer
from tests.aws import sqs
from tests.aws.client import Client
from tests.aws.dynamodb import Tables
from tests.aws.errors import ServiceError
from tests.aws.scheduler import OneTime, Schedules
from tests.functions.events import record

Fault = Literal["none", "kill before", "kill after", "refuse", "lose answer", "repeat"]
FAULTS: tuple[Fault, ...] = ("none", "kill before", "kill after", "refuse", "lose answer", "repeat")
START = 1_790_000_000.0
VISIBILITY = 60.0
MOST = 60
"""Receives of a message, however many faults: more are a mistake that comes again and again."""
URL = "https://sqs.example/000000000000/"
ROLE = "arn:aws:iam::000000000000:role/plans"
TARGET = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"


class Killed(KeyboardInterrupt):
    """The worker is gone."""


class Ask(Command, frozen=True, kw_only=True):
    """What a message asks for: to do its `name` later, or to cancel."""

    business_key: ClassVar[str | None] = "name"

    name: str
    after: float = 0
    key: str | None = None
    replace: bool = False
    cancel: bool = False


class Do(Command, frozen=True, kw_only=True):
    """What is planned."""

    name: str


@dataclass
class Parcel:
    id: str
    body: str
    attributes: dict[str, str]
    group: str | None
    trace: str | None
    sent: float
    visible: float
    receives: int = 0


@dataclass
class World:
    seed: int = 0
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.now = START
        self.queues: dict[str, list[Parcel]] = {"asks": [], PLAN_COMMAND: [], "work": []}
        self.scheduler = Schedules(lambda: self.now, self.random)
        self.tables = Tables({PLANNED: "key"})
        self.done: dict[str, list[float]] = {}
        """When each name had its effect, for each key that it came with."""
        self.seen: list[tuple[str, Message]] = []
        self.asked: dict[str, float] = {}
        """The time that each name was first planned for."""
        self.effects: set[str] = set()
        self.logged: list[Any] = []
        self.calls: Counter[str] = Counter()
        """What functions asked of AWS, however often one asked in vain."""
        self.workers: dict[str, Consumer] = {
            "asks": consumer(self.answer, accepts=Ask),
            PLAN_COMMAND: planner.handler,
            "work": consumer(self.work, accepts=Do),
        }

    @property
    def schedules(self) -> dict[str, OneTime]:
        """Those that wait, by name."""
        return self.scheduler.waiting

    # What the functions do.

    def answer(self, ask: Ask, message: Message) -> list[Any]:
        if ask.cancel:
            assert ask.key is not None
            return [Cancel(Do, ask.key)]
        self.asked.setdefault(ask.name, self.now + ask.after)
        return [Later(Do(name=ask.name), after=ask.after, key=ask.key, replace=ask.replace)]

    def work(self, command: Do, message: Message) -> None:
        self.seen.append((command.name, message))
        if message.key not in self.effects:
            self.effects.add(message.key)
            self.done.setdefault(command.name, []).append(self.now)

    # What AWS does.

    def send_message(self, **request: Any) -> dict[str, Any]:
        self.calls["send_message"] += 1
        return self._call(lambda: self._sent(request))

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        self.calls["send_message_batch"] += 1
        return self._call(
            lambda: sqs.each(request["Entries"], lambda each: self._sent({"QueueUrl": request["QueueUrl"], **each}))
        )

    def _sent(self, request: Mapping[str, Any]) -> dict[str, Any]:
        sqs.check_message(request, fifo=False)
        queue = request["QueueUrl"].removeprefix(URL)
        attributes = {name: each["StringValue"] for name, each in request.get("MessageAttributes", {}).items()}
        trace = request.get("MessageSystemAttributes", {}).get("AWSTraceHeader", {}).get("StringValue")
        identity = f"{self.random.getrandbits(64):016x}"
        visible = self.now + request.get("DelaySeconds", 0)
        parcel = Parcel(
            identity, request["MessageBody"], attributes, request.get("MessageGroupId"), trace, self.now, visible
        )
        self.queues[queue].append(parcel)
        return {"MessageId": identity, "MD5OfMessageBody": "0" * 32}

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        self.calls["change_message_visibility_batch"] += 1

        def hide(entry: Mapping[str, Any]) -> dict[str, Any]:
            for parcel in (each for queue in self.queues.values() for each in queue):
                if entry["ReceiptHandle"] == f"receipt-{parcel.id}-{parcel.receives}":
                    parcel.visible = self.now + entry["VisibilityTimeout"]
            return {}

        return self._call(lambda: sqs.each(request["Entries"], hide))

    def update_item(self, **request: Any) -> dict[str, Any]:
        self.calls["update_item"] += 1
        # A repeated write of DynamoDB's meets its own condition, as the fault "repeat" has it.
        return self._call(lambda: self.tables.update_item(**request))

    def create_schedule(self, **request: Any) -> dict[str, Any]:
        self.calls["create_schedule"] += 1

        def create() -> dict[str, Any]:
            self.scheduler.create(request)
            return {"ScheduleArn": "arn"}

        return self._call(create)

    def delete_schedule(self, **request: Any) -> dict[str, Any]:
        self.calls["delete_schedule"] += 1

        def delete() -> dict[str, Any]:
            self.scheduler.delete(request["Name"])
            return {}

        return self._call(delete)

    def _call(self, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        fault = self.faults.pop(0) if self.faults else "none"
        if fault == "kill before":
            raise Killed
        if fault == "refuse":
            raise ServiceError(400, "ThrottlingException", "Rate exceeded")
        answer = act()
        if fault == "repeat":
            answer = act()
        if fault == "kill after":
            raise Killed
        if fault == "lose answer":
            raise EndpointConnectionError(endpoint_url="https://aws.example")
        return answer

    # What a test does.

    def ask(self, ask: Ask, *, tenant: str | None = None, wait: float = 0) -> None:
        """Send a message that asks, to be seen after `wait` seconds; it was sent now."""
        attributes = {"correlation_id": f"c-{ask.name}"} | ({"tenant": tenant} if tenant else {})
        body = record(ask)["body"]
        self.queues["asks"].append(Parcel(ask.name, body, attributes, tenant, "Root=1-5", self.now, self.now + wait))

    def deliver(self, body: str, **attributes: str) -> None:
        """A message of the API's on the queue of work."""
        self.queues["work"].append(Parcel(f"m{self.random.random()}", body, attributes, None, None, self.now, self.now))

    def run(self, seconds: float = float("inf")) -> None:
        """Let everybody work until nothing is left to do, or that much time has passed."""
        end = self.now + seconds
        with self.as_aws():
            while self.now <= end:
                self._fire()
                worked = [self._work(name) for name in self.queues]
                if not any(worked):
                    coming = [parcel.visible for queue in self.queues.values() for parcel in queue]
                    coming += [each for each in (self.scheduler.next_due(),) if each is not None]
                    later = [each for each in coming if each > self.now]
                    if not later or min(later) > end:
                        self.now = max(self.now, end) if end != float("inf") else self.now
                        return
                    self.now = min(later)

    def _fire(self) -> None:
        for one in self.scheduler.due():
            assert one.target["Arn"] == TARGET
            self._sent(one.sends())

    def _work(self, name: str) -> bool:
        queue = self.queues[name]
        received = [parcel for parcel in queue if parcel.visible <= self.now][:10]
        self.random.shuffle(received)
        self.now += 0.01
        if not received:
            return False
        records = []
        for parcel in received:
            parcel.receives += 1
            assert parcel.receives < MOST, (name, self.logged[-2:])
            parcel.visible = self.now + VISIBILITY
            made = record(
                parcel.body,
                message_id=parcel.id,
                attempt=parcel.receives,
                queue=name,
                sent=parcel.sent,
                group=parcel.group,
                **parcel.attributes,
            )
            if parcel.trace:
                made["attributes"]["AWSTraceHeader"] = parcel.trace
            records.append(made)
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in self.told(name).items():
                patch.setenv(variable, value)
            try:
                report = self.workers[name]({"Records": records})
            except Killed:
                return True
        failed = {each["itemIdentifier"] for each in report["batchItemFailures"]}
        for parcel in received:
            if parcel.id not in failed:
                queue.remove(parcel)
        return True

    def told(self, name: str) -> dict[str, str]:
        """The environment of the function."""
        told = ConsumerVariables(
            service=name,
            queue_url=URL + name,
            receives=1000,
            plan_queue_url=None if name == PLAN_COMMAND else URL + PLAN_COMMAND,
            plans="Do=work" if name == "asks" else None,
        ).variables()
        told |= {} if name == "asks" else {table_variable(PLANNED): PLANNED}
        planning = PlanVariables(group="plans", role=ROLE, undelivered="arn:dlq", target=TARGET, queue=URL + QUEUE)
        return told | (planning.variables() if name == PLAN_COMMAND else {})

    @contextmanager
    def as_aws(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clients, "made", {each: Client(each, self) for each in ("dynamodb", "sqs", "scheduler")})
            patch.setattr("time.time", lambda: self.now)
            patch.setattr("time.sleep", self._slept)
            patch.setattr("functions.runtime.fibers.run", _one_after_the_other)
            patch.setattr("functions.runtime.log._write", self.logged.append)
            yield

    def _slept(self, seconds: float) -> None:
        self.now += seconds


def _one_after_the_other(bodies: Any, *_: Any) -> None:
    for body in bodies:
        body()
