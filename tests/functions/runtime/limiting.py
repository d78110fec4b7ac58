"""A consumer with limits whose clock a test moves, and what it asked of DynamoDB and SQS."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.contracts.limit import KEY, TABLE, Rule, written
from functions.runtime import clients, slot, waiting
from functions.runtime.table import Item, plain
from stacks import names
from tests.aws import sqs
from tests.aws.client import Client
from tests.aws.dynamodb import Tables
from tests.functions.fakes import Fakes, Script
from tests.functions.runtime.probe import Probing

NOW = 1_795_300_000.0
LIMITS = f"test-{TABLE}"


@dataclass
class LimitsTable(Script):
    """DynamoDB with the tables of limits and of failures; answers are scripted for all calls alike."""

    tables: Tables = field(
        default_factory=lambda: Tables({LIMITS: KEY, names.resource("test", "failures"): "message_id"})
    )

    def update_item(self, **arguments: Any) -> Any:
        return self.answer(arguments, lambda: self.tables.update_item(**arguments))

    def get_item(self, **arguments: Any) -> Any:
        return self.answer(arguments, lambda: self.tables.get_item(**arguments))

    def batch_get_item(self, **arguments: Any) -> Any:
        return self.answer(arguments, lambda: self.tables.batch_get_item(**arguments))

    def items(self) -> dict[str, Item]:
        """What stands in the table of limits, by key."""
        return {key: plain(item) for key, item in self.tables.items[LIMITS].items()}

    def writes(self) -> int:
        """Writes of limits that were asked for."""
        return sum(call.get("TableName") == LIMITS and "UpdateExpression" in call for call in self.calls)


@dataclass
class Copies(Script):
    """SQS that keeps the copies it took, and the visibility that was set."""

    taken: list[dict[str, Any]] = field(default_factory=list)
    visibility: dict[str, int] = field(default_factory=dict)

    def send_message_batch(self, **arguments: Any) -> Any:
        def take(entry: Any) -> None:
            sqs.check_message(entry, fifo=False)
            self.taken.append(dict(entry))

        sqs.check("SendMessageBatch", arguments)

        def ordinary() -> dict[str, Any]:
            answer = sqs.each(arguments["Entries"], take)
            done = [{**each, "MessageId": "sent", "MD5OfMessageBody": "0" * 32} for each in answer["Successful"]]
            return {**answer, "Successful": done}

        return self.answer(arguments, ordinary)

    def send_message(self, **arguments: Any) -> Any:
        return {"MessageId": "sent"}

    def change_message_visibility_batch(self, **arguments: Any) -> Any:
        for entry in arguments["Entries"]:
            message = entry["ReceiptHandle"].removeprefix("receipt-").rpartition("-")[0]
            self.visibility[message] = entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in arguments["Entries"]], "Failed": []}


class Limiting:
    """Runs batches under limits. `clock` is epoch seconds, which sleeping moves on; `slept` is how long it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fakes: Fakes) -> None:
        self.clock = NOW
        self.slept: list[float] = []
        self.table, self.sqs = LimitsTable(), Copies()
        self._patch = monkeypatch
        self._patch.setitem(clients.made, "dynamodb", Client("dynamodb", self.table))
        self._patch.setitem(clients.made, "sqs", Client("sqs", self.sqs))
        self._patch.setattr(time, "time", lambda: self.clock)
        self._patch.setattr(time, "monotonic", lambda: self.clock)
        self._patch.setattr(waiting, "sleep", self._sleep)
        self._patch.setattr("functions.runtime.limit.sleep", self._sleep)
        self._patch.setattr("functions.runtime.table.sleep", self._sleep)
        slot._seen.clear()
        for name, value in {
            "QUEUE_URL": "https://sqs.example/q",
            "TABLE_LIMITS": LIMITS,
            "FAILURES_TABLE": names.resource("test", "failures"),
            "RECEIVES": "3",
        }.items():
            monkeypatch.setenv(name, value)

    def rules(self, *rules: Rule) -> None:
        """What the stack says."""
        self._patch.setenv("LIMITS", written(rules) or "")

    def run(self, probing: Probing, *records: Any) -> set[str]:
        """Handle the batch; the ids that failed."""
        answer = probing.handler({"Records": list(records)})
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}

    def copy(self, number: int = 0) -> dict[str, Any]:
        """A record of the copy that was taken, as Lambda hands it over right when SQS took it."""
        entry = self.sqs.taken[number]
        attributes = {
            name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
            for name, value in entry["MessageAttributes"].items()
        }
        sent = int(attributes["waited"]["stringValue"].split()[2])
        return {
            "messageId": f"copy-{number}",
            "receiptHandle": f"receipt-copy-{number}-1",
            "body": entry["MessageBody"],
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(sent)},
            "messageAttributes": attributes,
            "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:q",
        }

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock += seconds + 1e-5
