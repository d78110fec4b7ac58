"""AWS inside this process, to call a handler from a REPL or a unit test. Nothing leaves the process.

    >>> from local.rehearsal import rehearsal
    >>> from tests.sample.open_ticket.handler import handler
    >>> from tests.sample.topology import SAMPLE
    >>> with rehearsal(SAMPLE) as aws:
    ...     handler(event)
    ...     aws.items("tickets"), aws.published()

moto answers; it is exact enough for single calls. A handler may do what the map says of its consumer, and gets
AccessDeniedException for anything else, as on AWS. The whole flow is `python -m local up`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3
import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws

from functions.contracts import tracked
from functions.contracts.environment import ConsumerVariables, WorkflowVariables, table_variable, variable
from functions.contracts.limit import KEY, TABLE
from functions.contracts.plan import PLAN_COMMAND, PlanCommand
from functions.runtime.consumer import Consumer
from local.access import Need, allowed, entry_to_change, needs
from local.state import REGION
from stacks import limits, names, status, workflow
from stacks.entry import Consumer as Entry
from stacks.entry import Topology
from stacks.plans import words

SENDER = "shop@example.com"
MOTOS_ACCOUNT = "123456789012"
READ, WRITE = TypeDeserializer(), TypeSerializer()
running: ContextVar[str | None] = ContextVar("running", default=None)
"""The consumer whose handler runs."""
_done: set[tuple[str, str, str]] = set()


class Rehearsal:
    """What became of the calls: items of tables by their names in the topology, what was published and planned."""

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
        return [json.loads(body)["detail"] for body in self._bodies(self._seen)]

    def planned(self) -> list[PlanCommand]:
        """What `Later` and `Cancel` asked for since the last call, in any order; a cancellation has no `at`."""
        return [
            msgspec.json.decode(body, type=PlanCommand) for body in self._bodies(_plan_queue(self._sqs, self._stage))
        ]

    def _bodies(self, url: str) -> Iterator[str]:
        while messages := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                yield message["Body"]
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def done() -> set[tuple[str, str, str]]:
    """What handlers did with tables in the rehearsals of this process: the consumer, the action and the table."""
    return set(_done)


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
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        **told.variables(),
        **{table_variable(table): names.resource(stage, table) for table in _keys(topology)},
    }


def _keys(topology: Topology) -> dict[str, str]:
    """The partition key of every table, by its name."""
    keys = {table.name: table.key for table in topology.tables} | names.SHARED_TABLES
    runs = {names.SCHEDULE_RUNS: "schedule"} if topology.skips else {}
    requests = {tracked.TABLE: tracked.KEY} if status.tracked_anywhere(topology) else {}
    return keys | runs | requests | ({TABLE: KEY} if limits.exist(topology) else {})


@contextmanager
def rehearsal(topology: Topology, stage: str = "rehearsal") -> Iterator[Rehearsal]:
    """The stage's tables, its bus and a verified sender, empty, for as long as the body runs."""
    elsewhere = ("AWS_ENDPOINT_URL", "AWS_PROFILE")
    with patch.dict(os.environ, environment(topology, stage)), mock_aws(), _guarded(topology, stage):
        for name in elsewhere:
            os.environ.pop(name, None)
        for name, key in _keys(topology).items():
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


@contextmanager
def _guarded(topology: Topology, stage: str) -> Iterator[None]:
    """Let a handler do what its consumer's entry says."""
    entries = {consumer.folder: consumer for consumer in topology.consumers}
    entries |= {consumer.function: consumer for consumer in topology.consumers}
    run: Callable[..., Any] = Consumer.__call__
    call: Callable[..., Any] = BaseClient._make_api_call

    def running_as(handler: Consumer, *event: Any, **context: Any) -> Any:
        name = handler.handle.__module__.split(".")[-2]
        served = entries.get(os.environ.get("POWERTOOLS_SERVICE_NAME", ""))
        # A folder that several consumers share is the one whose name the environment says.
        entry = served if served and served.folder == name else entries.get(name)
        told = _told(entry, topology, stage) if entry else {}
        token = running.set(entry.function if entry else name)
        try:
            with patch.dict(os.environ, told):
                return run(handler, *event, **context)
        finally:
            running.reset(token)

    def guarded(client: BaseClient, operation: str, asked: Mapping[str, Any]) -> Any:
        entry = entries.get(running.get() or "")
        if entry is not None:
            for need in needs(client.meta.service_model.signing_name, operation, asked):
                if not allowed(need, entry, stage) and not _is_the_runtimes(need, entry, stage):
                    raise _denied(operation, need, entry_to_change(need, entry, stage))
                prefix, _, action = need.action.partition(":")
                if prefix == "dynamodb":
                    _done.add((entry.function, action, need.name.removeprefix(names.resource(stage, ""))))
        return call(client, operation, asked)

    with patch.object(Consumer, "__call__", running_as), patch.object(BaseClient, "_make_api_call", guarded):
        yield


def _told(entry: Entry, topology: Topology, stage: str) -> dict[str, str]:
    """What the stack says of this consumer alone."""
    own = next(each for each in topology.integrations if entry in each.consumers)
    told = {
        variable("limits"): limits.variable(entry) or "",
        variable("tracked"): status.variable(own, entry.function) or "",
        variable("death_keys"): workflow.keys(entry, topology) or "",
        variable("workflow", WorkflowVariables): workflow.variable(entry, topology) or "",
    }
    if entry.plans:
        told |= {variable("plan_queue_url"): _plan_queue(_client("sqs"), stage), variable("plans"): words(entry)}
    return told


def _is_the_runtimes(need: Need, entry: Entry, stage: str) -> bool:
    """Whether the runtime does it, which the role of every such consumer is made for."""
    tables = (names.FAILURES, names.PARKED, names.SCHEDULE_RUNS, *((names.ONCE,) if entry.sends_email else ()))
    tables += (TABLE,) if entry.limits else ()
    tables += (tracked.TABLE,) if os.environ.get(variable("tracked")) else ()
    urls = (os.environ.get(variable(url), "") for url in ("queue_url", "pause_queue_url", "plan_queue_url"))
    own = {names.resource(stage, table) for table in tables} | {url.rpartition("/")[2] for url in urls}
    return need.name in own - {""}


def _plan_queue(sqs: Any, stage: str) -> str:
    """The queue of what is asked for later."""
    return str(sqs.create_queue(QueueName=names.resource(stage, PLAN_COMMAND))["QueueUrl"])


def _denied(operation: str, need: Need, change: str) -> ClientError:
    what = f"{need.action} on {need.name}" if need.name else need.action
    message = f"The function is not authorized to perform {what}: {change}."
    answer: Any = {
        "Error": {"Code": "AccessDeniedException", "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(answer, operation)


@cache
def _client(service: str) -> Any:
    key = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}  # moto takes any
    return boto3.client(service, region_name=REGION, **key)
