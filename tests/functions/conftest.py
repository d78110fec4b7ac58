"""AWS for unit tests: moto, with the tables and the bus that functions find in their environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.runtime import clients
from functions.runtime.settings import Settings
from stacks.topology import TOPOLOGY
from tests.functions.fakes import Fakes

REGION = "eu-central-1"


class Aws:
    """What a test sees of AWS: its tables' items, and what was published."""

    def __init__(self) -> None:
        self.dynamodb = boto3.resource("dynamodb", region_name=REGION)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.seen = self.sqs.create_queue(QueueName="seen")["QueueUrl"]

    def items(self, table: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.dynamodb.Table(f"headrace-test-{table}").scan()["Items"]
        return items

    def put(self, table: str, item: dict[str, Any]) -> None:
        self.dynamodb.Table(f"headrace-test-{table}").put_item(Item=item)

    def published(self) -> list[dict[str, Any]]:
        """The envelopes published since the last call, in any order."""
        envelopes = []
        while messages := self.sqs.receive_message(QueueUrl=self.seen, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                envelopes.append(json.loads(message["Body"])["detail"])
                self.sqs.delete_message(QueueUrl=self.seen, ReceiptHandle=message["ReceiptHandle"])
        return envelopes


class Context:
    """The Lambda context, as far as functions use it."""

    function_name = "headrace-test-function"
    aws_request_id = "request-1"

    def __init__(self, remaining: float = 30) -> None:
        self.remaining = remaining

    def get_remaining_time_in_millis(self) -> int:
        return int(self.remaining * 1000)


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def settings(environment: None) -> Settings:
    return Settings.read()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "STAGE": "test",
        "POWERTOOLS_SERVICE_NAME": "function",
        "BUS_NAME": "headrace-test-events",
        "FAILURES_TABLE": "headrace-test-failures",
        "ONCE_TABLE": "headrace-test-once",
        "EMAIL_FROM": "shop@example.com",
    }
    for table in TOPOLOGY.tables:
        settings[f"TABLE_{table.name.upper()}"] = f"headrace-test-{table.name}"
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def aws(environment: None) -> Iterator[Aws]:
    with mock_aws():
        forget_clients()
        dynamodb = boto3.client("dynamodb", region_name=REGION)
        keys = {table.name: table.key for table in TOPOLOGY.tables} | {"failures": "message_id", "once": "id"}
        for name, key in keys.items():
            dynamodb.create_table(
                TableName=f"headrace-test-{name}",
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        events = boto3.client("events", region_name=REGION)
        events.create_event_bus(Name="headrace-test-events")
        events.put_rule(Name="all", EventBusName="headrace-test-events", EventPattern='{"source": [{"prefix": ""}]}')
        events.put_targets(
            Rule="all",
            EventBusName="headrace-test-events",
            Targets=[{"Id": "seen", "Arn": f"arn:aws:sqs:{REGION}:123456789012:seen"}],
        )
        yield Aws()
    forget_clients()


@pytest.fixture
def fakes(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fakes]:
    monkeypatch.setenv("QUEUE_URL", "https://sqs.example/queue")
    fakes = Fakes()
    forget_clients()
    clients.made.update(events=fakes.events, sqs=fakes.sqs, dynamodb=fakes.dynamodb)
    yield fakes
    forget_clients()


def forget_clients() -> None:
    clients.made.clear()
    clients.session.cache_clear()


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The lines logged since the last call."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
