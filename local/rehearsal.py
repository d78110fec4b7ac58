"""AWS inside this process, to call a handler from a REPL or a unit test. Nothing leaves the process.

    >>> from local.rehearsal import rehearsal
    >>> from functions.accept_order.handler import handler
    >>> with rehearsal() as aws:
    ...     handler(event)
    ...     aws.items("orders"), aws.published()

moto answers; it is exact enough for single calls. The whole flow is `python -m local up`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from moto import mock_aws

from local.state import REGION
from stacks import names
from stacks.topology import TOPOLOGY

PLATFORM_TABLES = {"failures": "message_id", "once": "id"}
SENDER = "shop@example.com"
MOTOS_ACCOUNT = "123456789012"
READ, WRITE = TypeDeserializer(), TypeSerializer()


class Rehearsal:
    """What became of the calls: the items of tables by their names in the topology, and what was published."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._dynamodb = _client("dynamodb")
        self._sqs = _client("sqs")
        self._seen = self._sqs.create_queue(QueueName="seen")["QueueUrl"]

    def items(self, table: str) -> list[dict[str, Any]]:
        """Every item of the table."""
        items = self._dynamodb.scan(TableName=names.resource(self._stage, table))["Items"]
        return [{name: READ.deserialize(value) for name, value in item.items()} for item in items]

    def put(self, table: str, item: dict[str, Any]) -> None:
        """Store an item that the handler is to find."""
        written = {name: WRITE.serialize(value) for name, value in item.items()}
        self._dynamodb.put_item(TableName=names.resource(self._stage, table), Item=written)

    def published(self) -> list[dict[str, Any]]:
        """The envelopes published since the last call, in any order."""
        envelopes = []
        while messages := self._sqs.receive_message(QueueUrl=self._seen, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                envelopes.append(json.loads(message["Body"])["detail"])
                self._sqs.delete_message(QueueUrl=self._seen, ReceiptHandle=message["ReceiptHandle"])
        return envelopes


def environment(stage: str) -> dict[str, str]:
    """What a function finds in its environment, with access to every table of the topology."""
    settings = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "STAGE": stage,
        "POWERTOOLS_SERVICE_NAME": "function",
        "BUS_NAME": names.resource(stage, "events"),
        "FAILURES_TABLE": names.resource(stage, "failures"),
        "ONCE_TABLE": names.resource(stage, "once"),
        "EMAIL_FROM": SENDER,
    }
    return settings | {f"TABLE_{table.name.upper()}": names.resource(stage, table.name) for table in TOPOLOGY.tables}


@contextmanager
def rehearsal(stage: str = "rehearsal") -> Iterator[Rehearsal]:
    """The stage's tables, its bus and a verified sender, empty, for as long as the body runs."""
    elsewhere = ("AWS_ENDPOINT_URL", "AWS_PROFILE")
    with patch.dict(os.environ, environment(stage)), mock_aws():
        for name in elsewhere:
            os.environ.pop(name, None)
        for name, key in ({table.name: table.key for table in TOPOLOGY.tables} | PLATFORM_TABLES).items():
            _client("dynamodb").create_table(
                TableName=names.resource(stage, name),
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        events, bus = _client("events"), names.resource(stage, "events")
        events.create_event_bus(Name=bus)
        events.put_rule(Name="all", EventBusName=bus, EventPattern='{"source": [{"prefix": ""}]}')
        target = {"Id": "seen", "Arn": f"arn:aws:sqs:{REGION}:{MOTOS_ACCOUNT}:seen"}
        events.put_targets(Rule="all", EventBusName=bus, Targets=[target])
        _client("sesv2").create_email_identity(EmailIdentity=SENDER)
        yield Rehearsal(stage)


@cache
def _client(service: str) -> Any:
    return boto3.client(service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
