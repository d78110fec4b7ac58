"""AWS inside this process, to call a handler from a REPL or a unit test. Nothing leaves the process.

    >>> from local.rehearsal import rehearsal
    >>> from tests.sample.open_ticket.handler import handler
    >>> from tests.sample.topology import SAMPLE
    >>> with rehearsal(SAMPLE) as aws:
    ...     handler(event)
    ...     aws.items("tickets"), aws.published()

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

from functions.contracts.environment import ConsumerVariables, table_variable
from local.state import REGION
from stacks import names
from stacks.entry import Topology

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


def environment(topology: Topology, stage: str) -> dict[str, str]:
    """What a function finds in its environment, with access to every table of the topology."""
    told = ConsumerVariables(
        project=names.PROJECT,
        stage=stage,
        failures_table=names.resource(stage, names.FAILURES),
        once_table=names.resource(stage, names.ONCE),
        bus_name=names.resource(stage, names.BUS),
        email_from=SENDER,
    )
    tables = [*(table.name for table in topology.tables), *names.SHARED_TABLES]
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        **told.variables(),
        **{table_variable(table): names.resource(stage, table) for table in tables},
    }


@contextmanager
def rehearsal(topology: Topology, stage: str = "rehearsal") -> Iterator[Rehearsal]:
    """The stage's tables, its bus and a verified sender, empty, for as long as the body runs."""
    elsewhere = ("AWS_ENDPOINT_URL", "AWS_PROFILE")
    with patch.dict(os.environ, environment(topology, stage)), mock_aws():
        for name in elsewhere:
            os.environ.pop(name, None)
        for name, key in ({table.name: table.key for table in topology.tables} | names.SHARED_TABLES).items():
            _client("dynamodb").create_table(
                TableName=names.resource(stage, name),
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        events, bus = _client("events"), names.resource(stage, names.BUS)
        events.create_event_bus(Name=bus)
        events.put_rule(Name="all", EventBusName=bus, EventPattern='{"source": [{"prefix": ""}]}')
        target = {"Id": "seen", "Arn": f"arn:aws:sqs:{REGION}:{MOTOS_ACCOUNT}:seen"}
        events.put_targets(Rule="all", EventBusName=bus, Targets=[target])
        _client("sesv2").create_email_identity(EmailIdentity=SENDER)
        yield Rehearsal(stage)


@cache
def _client(service: str) -> Any:
    return boto3.client(service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
