"""A workflow's function with a table, a bus and the queue of plans, any call to which may fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from functions.contracts.contract import Event
from functions.contracts.environment import ConsumerVariables, WorkflowVariables, table_variable
from functions.contracts.plan import PlanCommand
from functions.contracts.workflow import WorkflowRule, written
from functions.follow_workflow.handler import handler
from functions.runtime import clients
from functions.runtime.table import plain
from tests.aws import events, sqs
from tests.aws.client import Client
from tests.aws.dynamodb import Tables
from tests.functions.events import delivered, failed

PLANS = "https://sqs.example/000000000000/plan_command"


@dataclass
class World:
    """What is there for the function, and `faults` that are raised by the next calls; None lets one through."""

    rule: WorkflowRule
    monkeypatch: pytest.MonkeyPatch
    faults: list[BaseException | None] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    plans: list[PlanCommand] = field(default_factory=list)
    lines: list[Any] = field(default_factory=list)
    before_write: Callable[[], Any] | None = None

    def __post_init__(self) -> None:
        self.tables = Tables({self.rule.name: self.rule.key})
        told = ConsumerVariables(
            project="project", service=self.rule.name, bus_name="bus", plan_queue_url=PLANS, plans="WorkflowDue=w"
        ).variables()
        told |= WorkflowVariables(workflow=written(self.rule)).variables()
        told |= {table_variable(self.rule.name): self.rule.name}
        for name, value in told.items():
            self.monkeypatch.setenv(name, value)
        made = {each: Client(each, self) for each in ("dynamodb", "events", "sqs")}
        self.monkeypatch.setattr(clients, "made", made)
        self.monkeypatch.setattr("functions.runtime.log._write", self.lines.append)

    def _fault(self) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault

    def get_item(self, **request: Any) -> Any:
        self._fault()
        return self.tables.get_item(**request)

    def put_item(self, **request: Any) -> Any:
        self._fault()
        if self.before_write:
            act, self.before_write = self.before_write, None
            act()
        return self.tables.put_item(**request)

    def put_events(self, **request: Any) -> Any:
        self._fault()
        entries = request["Entries"]
        assert not any(events.fault(entry) for entry in entries)
        self.told += [json.loads(entry["Detail"]) for entry in entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "id"} for _ in entries]}

    def send_message_batch(self, **request: Any) -> Any:
        self._fault()
        assert request["QueueUrl"] == PLANS

        def take(entry: Mapping[str, Any]) -> dict[str, Any]:
            sqs.check_message(entry, fifo=False)
            self.plans.append(msgspec.json.decode(entry["MessageBody"], type=PlanCommand))
            return {"MessageId": "id", "MD5OfMessageBody": "0" * 32}

        return sqs.each(request["Entries"], take)

    def item(self, key: str) -> dict[str, Any]:
        """The workflow's item as plain values."""
        return plain(self.tables.items[self.rule.name][key])

    def hear(self, *records: dict[str, Any]) -> list[str]:
        """Hand over a batch; the ids of what failed."""
        return failed(handler({"Records": list(records)}))

    def fact(self, event: Event, id_: str, **more: Any) -> list[str]:
        """Hand over one event of that id."""
        return self.hear(delivered(event, event_id=id_, **more))

    def take_told(self) -> list[tuple[str, dict[str, Any]]]:
        """What was told since the last call: types and data."""
        told = [(each["type"], each["data"]) for each in self.told]
        self.told.clear()
        return told
