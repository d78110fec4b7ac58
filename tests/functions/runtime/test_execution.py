"""A state machine's execution is begun once a message, however often it comes."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from functions.contracts.contract import Command
from functions.runtime import clients
from functions.runtime.consumer import Message, consumer
from functions.runtime.execution import start
from tests.aws.client import Client
from tests.aws.errors import ServiceError
from tests.functions.events import batch, failed, record
from tests.functions.fakes import Fakes

ARN = "arn:aws:states:eu-central-1:000000000000:stateMachine:inspect"


class Inspect(Command, frozen=True, kw_only=True):
    business_key: ClassVar[str | None] = "name"

    name: str


class Machines:
    """Step Functions' one machine: what runs, by name; `over` are those that have ended."""

    def __init__(self) -> None:
        self.runs: dict[str, str] = {}
        self.over: set[str] = set()

    def start_execution(self, **request: Any) -> dict[str, Any]:
        name, said = request["name"], request["input"]
        assert request["stateMachineArn"] == ARN
        assert len(name) <= 80
        if name in self.over or self.runs.get(name, said) != said:
            raise ServiceError(400, "ExecutionAlreadyExists", "Execution Already Exists")
        self.runs[name] = said
        return {"executionArn": f"{ARN}:{name}", "startDate": 1}


@pytest.fixture
def machines(fakes: Fakes) -> Machines:
    machines = Machines()
    clients.made["stepfunctions"] = Client("stepfunctions", machines)
    return machines


def handler() -> Any:
    def handle(inspect: Inspect, message: Message) -> None:
        start(ARN, inspect, message)

    return consumer(handle, accepts=Inspect)


def test_a_message_that_comes_again_begins_nothing_new(machines: Machines) -> None:
    for attempt in (1, 2):
        assert failed(handler()(batch(record(Inspect(name="a"), attempt=attempt)))) == []
    machines.over |= set(machines.runs)
    assert failed(handler()(batch(record(Inspect(name="a"), redriven="1 run-1")))) == []
    assert list(machines.runs.values()) == ['{"name":"a"}']
    handler()(batch(record(Inspect(name="b"))))
    handler()(batch(record(Inspect(name="a"), tenant="acme")))
    assert len(machines.runs) == 3


def test_whoever_refuses_otherwise_is_heard(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ServiceError(400, "StateMachineDoesNotExist", "It does not exist")

    monkeypatch.setattr(machines, "start_execution", refuse)
    assert len(failed(handler()(batch(record(Inspect(name="a")))))) == 1
    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        clients.client("stepfunctions").start_execution(stateMachineArn=ARN, name="n", input="{}")
