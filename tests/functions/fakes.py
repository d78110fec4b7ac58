"""Clients that keep what they were asked and answer as a test scripts it; they hold AWS's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from functions.runtime.table import plain
from tests.simulation.expression import Expression

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
    """EventBridge: 10 entries and less than a megabyte a call."""

    envelopes: list[dict[str, Any]] = field(default_factory=list)

    def put_events(self, **arguments: Any) -> Any:
        entries = arguments["Entries"]
        # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
        if not 1 <= len(entries) <= 10 or sum(map(_size, entries)) > 1_048_576:
            raise refusal("ValidationException", "PutEvents")
        for entry in entries:
            assert entry["EventBusName"]
            assert isinstance(json.loads(entry["Detail"]), dict)
        answer = self.answer(arguments, lambda: taken(*(None for _ in entries)))
        for entry, result in zip(entries, answer["Entries"], strict=True):
            if "ErrorCode" not in result:
                self.envelopes.append(json.loads(entry["Detail"]))
        return answer


def _size(entry: dict[str, Any]) -> int:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
    return 14 + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def taken(*codes: str | None) -> dict[str, Any]:
    """PutEvents' answer: an id for each None, else the error code."""
    entries = [{"ErrorCode": code, "ErrorMessage": "no"} if code else {"EventId": "id"} for code in codes]
    return {"FailedEntryCount": sum(code is not None for code in codes), "Entries": entries}


@dataclass
class FakeSqs(Script):
    """SQS: keeps the visibility that was last set, by receipt handle."""

    visibility: dict[str, int] = field(default_factory=dict)
    sent: list[Arguments] = field(default_factory=list)

    def send_message(self, **arguments: Any) -> Any:
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
        if arguments["QueueUrl"].endswith(".fifo"):
            for name in ("MessageGroupId", "MessageDeduplicationId"):
                if not re.fullmatch(r"[!-~]{1,128}", arguments[name]):
                    raise refusal("InvalidParameterValue", "SendMessage")
        self.sent.append(arguments)
        return self.answer(arguments, lambda: {"MessageId": "sent"})

    def change_message_visibility_batch(self, **arguments: Any) -> Any:
        entries = arguments["Entries"]
        ids = [entry["Id"] for entry in entries]
        # What SQS refuses: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html
        if not 1 <= len(entries) <= 10:
            raise refusal("TooManyEntriesInBatchRequest" if entries else "EmptyBatchRequest")
        if len(set(ids)) < len(ids):
            raise refusal("BatchEntryIdsNotDistinct")
        if not all(re.fullmatch(r"[\w-]{1,80}", id_, re.ASCII) for id_ in ids):
            raise refusal("InvalidBatchEntryId")
        if not arguments["QueueUrl"]:
            raise refusal("QueueDoesNotExist")
        answer = self.answer(arguments, lambda: {"Successful": [{"Id": id_} for id_ in ids], "Failed": []})
        taken = {each["Id"] for each in answer["Successful"]}
        for entry in entries:
            assert type(entry["VisibilityTimeout"]) is int
            assert 0 <= entry["VisibilityTimeout"] <= 43_200
            if entry["Id"] in taken:
                message = entry["ReceiptHandle"].removeprefix("receipt-").rpartition("-")[0]
                self.visibility[message] = entry["VisibilityTimeout"]
        return answer


@dataclass
class FakeDynamo(Script):
    """DynamoDB: keeps the causes of failures, by message id."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def causes(self) -> dict[str, dict[str, Any]]:
        """The causes as plain values."""
        return {id_: plain(item) for id_, item in self.items.items()}

    def update_item(self, **arguments: Any) -> Any:
        def ordinary() -> dict[str, Any]:
            id_ = arguments["Key"]["message_id"]["S"]
            names, values = arguments["ExpressionAttributeNames"], arguments["ExpressionAttributeValues"]
            update = Expression(arguments["UpdateExpression"], names, values, self.items.get(id_))
            before, self.items[id_] = self.items.get(id_), update.applied() | arguments["Key"]
            return {"Attributes": before} if before and arguments.get("ReturnValues") == "ALL_OLD" else {}

        return self.answer(arguments, ordinary)


@dataclass
class Fakes:
    events: FakeEvents = field(default_factory=FakeEvents)
    sqs: FakeSqs = field(default_factory=FakeSqs)
    dynamodb: FakeDynamo = field(default_factory=FakeDynamo)
