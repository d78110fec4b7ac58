"""AWS that keeps what it was asked and answers as a test scripts it, by the rules of `tests.aws`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from functions.runtime.table import plain
from stacks import names
from tests.aws import events, sqs
from tests.aws.client import Client
from tests.aws.dynamodb import Tables
from tests.aws.errors import ServiceError

Arguments = dict[str, Any]


def refusal(code: str, operation: str = "Operation", status: int = 400) -> ClientError:
    said: Any = {"Error": {"Code": code, "Message": f"{code} happened"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, operation)


@dataclass
class Script:
    """Answers each call in turn; an exception is raised, None stands for the ordinary answer."""

    answers: list[Any] = field(default_factory=list)
    calls: list[Arguments] = field(default_factory=list)

    def answer(self, arguments: Arguments, ordinary: Callable[[], Any]) -> Any:
        self.calls.append(arguments)
        scripted = self.answers.pop(0) if self.answers else None
        if isinstance(scripted, BaseException):
            raise scripted
        return ordinary() if scripted is None else scripted


@dataclass
class FakeEvents(Script):
    """EventBridge: keeps the details that it took."""

    envelopes: list[dict[str, Any]] = field(default_factory=list)

    def put_events(self, **arguments: Any) -> Any:
        entries = arguments["Entries"]
        assert all(entry["EventBusName"] for entry in entries), "without one it would be the account's default bus"

        def ordinary() -> dict[str, Any]:
            results = [events.fault(entry) or {"EventId": "id"} for entry in entries]
            return {"FailedEntryCount": sum("ErrorCode" in each for each in results), "Entries": results}

        answer = self.answer(arguments, ordinary)
        for entry, result in zip(entries, answer["Entries"], strict=True):
            if "ErrorCode" not in result:
                self.envelopes.append(json.loads(entry["Detail"]))
        return answer


def taken(*codes: str | None) -> dict[str, Any]:
    """PutEvents' answer: an id for each None, else the error code."""
    entries = [{"ErrorCode": code, "ErrorMessage": "no"} if code else {"EventId": "id"} for code in codes]
    return {"FailedEntryCount": sum(code is not None for code in codes), "Entries": entries}


@dataclass
class FakeSqs(Script):
    """SQS: keeps what was sent, and the visibility that was last set by the id in the handle of `events.record`."""

    visibility: dict[str, int] = field(default_factory=dict)
    sent: list[Arguments] = field(default_factory=list)

    def send_message(self, **arguments: Any) -> Any:
        self.sent.append(arguments)
        return self.answer(arguments, lambda: {"MessageId": "sent"})

    def change_message_visibility_batch(self, **arguments: Any) -> Any:
        entries = arguments["Entries"]
        answer = self.answer(arguments, lambda: sqs.each(entries, _check_hold))
        done = {each["Id"] for each in answer["Successful"]}
        for entry in entries:
            if entry["Id"] in done:
                message = entry["ReceiptHandle"].removeprefix("receipt-").rpartition("-")[0]
                self.visibility[message] = entry["VisibilityTimeout"]
        return answer


def _check_hold(entry: Mapping[str, Any]) -> None:
    sqs.check_visibility(entry)
    if not entry["ReceiptHandle"].startswith("receipt-"):
        raise ServiceError(400, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.")


@dataclass
class FakeDynamo(Script):
    """DynamoDB: the table of failures of the stage."""

    stage: str = "test"

    def __post_init__(self) -> None:
        self._table = names.resource(self.stage, names.FAILURES)
        self.tables = Tables({self._table: names.SHARED_TABLES[names.FAILURES]})

    @property
    def causes(self) -> dict[str, dict[str, Any]]:
        """The causes of failures as plain values, by message id."""
        return {id_: plain(item) for id_, item in self.tables.items[self._table].items()}

    def update_item(self, **arguments: Any) -> Any:
        return self.answer(arguments, lambda: self.tables.update_item(**arguments))


@dataclass
class Fakes:
    events: FakeEvents = field(default_factory=FakeEvents)
    sqs: FakeSqs = field(default_factory=FakeSqs)
    dynamodb: FakeDynamo = field(default_factory=FakeDynamo)

    def clients(self) -> dict[str, Client]:
        """What asks them, by service."""
        return {name: Client(name, getattr(self, name)) for name in ("events", "sqs", "dynamodb")}
