"""Queues of a run, by boto3 and not through the proxy: made, filled, read to the end and deleted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import boto3
from botocore.config import Config

from tests.redrive_fuzz.engines import ROOT, Engine
from tests.redrive_fuzz.evidence import Attributes, Copy, Letter
from tests.redrive_fuzz.letters import MOST, Draft, size

PROJECT: str = json.loads((ROOT / "cdk.json").read_text())["context"]["project"]


@lru_cache
def client(url: str, region: str) -> Any:
    """SQS of that engine and region."""
    config = Config(retries={"total_max_attempts": 3}, max_pool_connections=8)
    return boto3.session.Session().client(
        "sqs", region_name=region, endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="x", config=config
    )


class Queues:
    """A dead-letter queue and the queue of its letters, in one region of one engine."""

    def __init__(self, engine: Engine, region: str, name: str, *, fifo: bool, redrives: bool = True) -> None:
        self._sqs = client(engine.url, region)
        self._fifo = fifo
        suffix = ".fifo" if fifo else ""
        asked = {"FifoQueue": "true"} if fifo else {}
        self.dead = self._sqs.create_queue(QueueName=f"{name}-dlq{suffix}", Attributes=asked)["QueueUrl"]
        self.arn = self._sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        policy = {"deadLetterTargetArn": self.arn, "maxReceiveCount": "1"}
        self._policy = json.dumps(policy)
        asked |= {"RedrivePolicy": self._policy} if redrives else {}
        self.work = self._sqs.create_queue(QueueName=f"{name}{suffix}", Attributes=asked)["QueueUrl"]

    def put(self, drafts: Sequence[Draft], *, died: bool) -> list[Letter]:
        """Puts them into the dead-letter queue: by hand, or as SQS moves what was received too often."""
        ids: dict[str, str] = {}
        for lot in _lots(drafts):
            entries = [self._entry(number, draft) for number, draft in enumerate(lot)]
            answer = self._sqs.send_message_batch(QueueUrl=self.work if died else self.dead, Entries=entries)
            assert not answer.get("Failed"), answer["Failed"]
            ids |= {lot[int(each["Id"])].key: each["MessageId"] for each in answer["Successful"]}
        if died:
            self._kill(len(drafts))
        return [
            Letter(draft.key, draft.body, draft.attributes, draft.group, number, ids[draft.key])
            for number, draft in enumerate(drafts)
        ]

    def _entry(self, number: int, draft: Draft) -> dict[str, Any]:
        values = {
            name: {"DataType": kind, "BinaryValue" if isinstance(value, bytes) else "StringValue": value}
            for name, (kind, value) in draft.attributes.items()
        }
        entry: dict[str, Any] = {"Id": str(number), "MessageBody": draft.body, "MessageAttributes": values}
        return entry | ({"MessageGroupId": draft.group, "MessageDeduplicationId": draft.key} if self._fifo else {})

    def _kill(self, count: int) -> None:
        """Receives each once, and lets SQS move them."""
        seen = 0
        while seen < count:
            got = self._sqs.receive_message(QueueUrl=self.work, MaxNumberOfMessages=10, VisibilityTimeout=0)
            seen += len(got.get("Messages", ()))
            if self.waiting(self.dead)[0] >= count:
                break
        self._sqs.receive_message(QueueUrl=self.work, MaxNumberOfMessages=10, VisibilityTimeout=0)
        assert self.waiting(self.dead)[0] == count, f"{self.waiting(self.dead)} of {count} died"

    def waiting(self, url: str) -> tuple[int, int]:
        """How many are visible, and how many are not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(told[names[0]]), int(told[names[1]])

    def hold(self, count: int) -> list[str]:
        """Takes so many dead letters out of sight, as a process that died elsewhere; their receipts."""
        got = self._sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=count, VisibilityTimeout=3_600)
        return [message["ReceiptHandle"] for message in got["Messages"]]

    def show(self, url: str, receipts: Sequence[str]) -> None:
        """Shows what a process that died held: its hold is over."""
        rest = iter(receipts)
        while lot := list(islice(rest, 10)):
            self._sqs.change_message_visibility_batch(
                QueueUrl=url,
                Entries=[{"Id": str(n), "ReceiptHandle": each, "VisibilityTimeout": 0} for n, each in enumerate(lot)],
            )

    def read(self, url: str) -> list[Copy]:
        """Everything that is in a queue, in order, taken out; what is hidden is waited for, for some seconds."""
        found: list[Copy] = []
        end = time.monotonic() + 8
        while True:
            got = self._sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=600,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            for message in got:
                found.append(_copy(message))
            if got:
                entries = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(got)]
                failed = self._sqs.delete_message_batch(QueueUrl=url, Entries=entries).get("Failed")
                assert not failed, failed
                continue
            if self.waiting(url) == (0, 0):
                return found
            assert time.monotonic() < end, f"{url} hides {self.waiting(url)} messages"
            time.sleep(0.1)

    def delete(self) -> None:
        """Deletes both queues."""
        for url in (self.work, self.dead):
            self._sqs.delete_queue(QueueUrl=url)


def _copy(message: dict[str, Any]) -> Copy:
    attributes: Attributes = {
        name: (value["DataType"], value["BinaryValue"] if "BinaryValue" in value else value["StringValue"])
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return Copy(message["Body"], attributes, message.get("Attributes", {}).get("MessageGroupId"), message["MessageId"])


def _lots(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    lot: list[Draft] = []
    held = 0
    for draft in drafts:
        more = len(draft.body.encode()) + size(draft.attributes)
        if lot and (len(lot) == 10 or held + more > MOST):
            yield lot
            lot, held = [], 0
        lot.append(draft)
        held += more
    if lot:
        yield lot
