"""What came of the requests to a local stack, looked up where it took effect. The flow tests read it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import urllib3

from local.aws import client
from local.mailbox import mails
from local.state import Endpoint
from stacks import names
from stacks.entry import Topology

T = TypeVar("T")
http = urllib3.PoolManager(retries=False, timeout=30)
SOON, GROWTH, LATER = 0.05, 1.5, 0.25
"""Seconds between two looks, at first and at the most: each costs the processor that the stack works with."""


class Effects:
    """Reads the tables, mailboxes and queues of the stack behind `endpoint`."""

    def __init__(self, topology: Topology, endpoint: Endpoint) -> None:
        self._topology = topology
        self._endpoint = endpoint
        self._tables = client("dynamodb", endpoint)
        self._queues = client("sqs", endpoint)
        self._keys = {table.name: table.key for table in topology.tables}
        self._urls: dict[str, str] = {}

    def item(self, table: str, key: str) -> dict[str, Any] | None:
        """The item of a topology's table, with numbers and strings as they are stored, or None."""
        got = self._tables.get_item(
            TableName=names.resource(names.LOCAL, table), Key={self._keys[table]: {"S": key}}, ConsistentRead=True
        )
        return {name: next(iter(value.values())) for name, value in got["Item"].items()} if "Item" in got else None

    def mails(self, word: str) -> list[dict[str, Any]]:
        """The e-mails sent whose subject or text has `word` in it."""
        return mails(self._endpoint, word)

    def depth(self, queue: str, *, dead: bool = False) -> int:
        """Messages in a queue of the topology or in its dead-letter queue, visible or not."""
        fifo = self._topology.queue(queue).fifo
        name = (names.dead_letter_queue if dead else names.queue)(names.LOCAL, queue, fifo=fifo)
        attributes = self._queues.get_queue_attributes(QueueUrl=self.url(name), AttributeNames=["All"])["Attributes"]
        return sum(int(value) for name, value in attributes.items() if name.startswith("ApproximateNumberOfMessages"))

    def url(self, queue_name: str) -> str:
        """The URL of a queue by its physical name."""
        if queue_name not in self._urls:
            self._urls[queue_name] = str(self._queues.get_queue_url(QueueName=queue_name)["QueueUrl"])
        return self._urls[queue_name]


def eventually(look: Callable[[], T], *, within: float = 30.0) -> T:
    """The first truthy answer of `look`, or its last one after `within` seconds."""
    deadline = time.monotonic() + within
    pause = SOON
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * GROWTH, LATER)
    return seen


def post(url: str, body: bytes | dict[str, Any], **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """POST a body and return status, JSON answer and headers; `idempotency_key="…"` sends `Idempotency-Key: …`."""
    sent = {"Content-Type": "application/json"} | {
        name.replace("_", "-").title(): value for name, value in headers.items()
    }
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = http.request("POST", url, body=data, headers=sent)
    return answer.status, json.loads(answer.data), dict(answer.headers)


def get(url: str, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """GET, and return status, JSON answer (`{}` of an empty one) and headers, which are sent as `post` sends them."""
    sent = {name.replace("_", "-").title(): value for name, value in headers.items()}
    answer = http.request("GET", url, headers=sent)
    return answer.status, json.loads(answer.data or b"{}"), dict(answer.headers)
