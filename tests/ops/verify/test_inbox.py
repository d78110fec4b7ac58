"""What is ours is taken out of a work queue, to the last message; what is another's is put back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest

import ops.verify.inbox
from ops.errors import OpsError
from ops.queue import Queue
from ops.stage import Stage
from ops.verify.inbox import arrivals
from stacks import names
from tests.aws import sqs
from tests.aws.client import Client
from tests.aws.errors import ServiceError
from tests.sample.topology import SAMPLE

QUEUE = Queue("open_ticket", "work", "open_ticket", "https://queue")


class Sqs:
    """Hands out batches, one a receive."""

    def __init__(self, *batches: list[str | None]) -> None:
        self.batches = list(batches)
        self.deleted: list[str] = []
        self.shown: list[str] = []
        self.fails = False

    def receive_message(self, **_: Any) -> Any:
        batch = self.batches.pop(0) if self.batches else []
        return {"Messages": [_message(number, id_) for number, id_ in enumerate(batch)]}

    def delete_message_batch(self, Entries: list[dict[str, str]], **_: Any) -> Any:  # noqa: N803 - botocore's name
        if self.fails:
            return _answer(Entries, "InternalError")
        self.deleted += [entry["ReceiptHandle"] for entry in Entries]
        return _answer(Entries)

    def change_message_visibility_batch(self, Entries: list[dict[str, Any]], **_: Any) -> Any:  # noqa: N803
        self.shown += [entry["ReceiptHandle"] for entry in Entries]
        return _answer(Entries, "MessageNotInflight")


def _answer(entries: list[dict[str, Any]], code: str = "") -> dict[str, Any]:
    def act(_: Mapping[str, Any]) -> None:
        if code:
            raise ServiceError(400, code)

    return sqs.each(entries, act)


def _message(number: int, id_: str | None) -> dict[str, Any]:
    attributes = {"correlation_id": {"DataType": "String", "StringValue": id_}} if id_ else {}
    handle = f"{id_}/{number}"
    return {"MessageId": handle, "ReceiptHandle": handle, "Body": "{}", "MessageAttributes": attributes}


class Faked(Stage):
    """A stage whose SQS is the fake."""

    def client(self, service: str, region: str | None = None) -> Any:
        return Client(service, FAKES[0])


FAKES: list[Sqs] = []


def stage(sqs: Sqs) -> Stage:
    FAKES[:] = [sqs]
    return Faked(names.LOCAL, "us-east-1", "http://aws", SAMPLE, botocore.session.Session())


def test_ours_are_deleted_and_others_are_put_back() -> None:
    sqs = Sqs(["verify-1-a", "corr-1", None], ["verify-1-b", "verify-1-b"])
    found = arrivals(stage(sqs), QUEUE, "verify-1", 3)
    assert {id_: len(messages) for id_, messages in found.items()} == {"verify-1-a": 1, "verify-1-b": 2}
    assert sqs.deleted == ["verify-1-a/0", "verify-1-b/0", "verify-1-b/1"]
    assert sqs.shown == ["corr-1/1", "None/2"]


def test_it_goes_on_for_as_long_as_ours_come_and_then_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.verify.inbox, "PATIENCE", 0.0)
    batches: list[list[str | None]] = [["verify-1-a"]] * 20
    sqs = Sqs(*batches)
    assert len(arrivals(stage(sqs), QUEUE, "verify-1", 1)["verify-1-a"]) == 20
    assert arrivals(stage(Sqs()), QUEUE, "verify-1", 5) == {}


def test_what_is_not_deleted_is_an_error() -> None:
    sqs = Sqs(["verify-1-a"])
    sqs.fails = True
    with pytest.raises(OpsError, match="did not delete 1 of our messages from open_ticket"):
        arrivals(stage(sqs), QUEUE, "verify-1", 1)
