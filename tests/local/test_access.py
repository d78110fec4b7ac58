"""A call needs of a role what IAM wants for it, and a rehearsal refuses what the map does not say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from functions.runtime.consumer import consumer
from local.access import Need, allowed, entry_to_change, needs
from local.rehearsal import done, rehearsal
from local.state import REGION
from stacks import actions, names
from stacks.entry import Access, Consumer, Grant
from tests.fixtures import forget_clients
from tests.sample.contracts import OpenTicket, TicketOpened
from tests.sample.open_ticket.handler import handler
from tests.sample.topology import SAMPLE
from tests.simulation.sample import changed_consumer
from tests.superfluous import judged

EVENT = json.loads((Path(__file__).parents[1] / "sample" / "recorded" / "open_ticket.json").read_text())
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:"
TABLE = "arn:{partition}:dynamodb:{region}:{account}:table/"
WRITE = {"Put": {"TableName": "a"}}
CHECK = {"ConditionCheck": {"TableName": "arn:aws:dynamodb:eu-central-1:111122223333:table/b"}}


@pytest.mark.parametrize(
    ("service", "operation", "asked", "needed"),
    [
        ("dynamodb", "PutItem", {"TableName": "a"}, [("dynamodb:PutItem", "a")]),
        ("dynamodb", "TransactWriteItems", {"TransactItems": [WRITE, CHECK]}, [
            ("dynamodb:PutItem", "a"), ("dynamodb:ConditionCheckItem", "b"),
        ]),
        ("dynamodb", "TransactGetItems", {"TransactItems": [{"Get": {"TableName": "a"}}]}, [("dynamodb:GetItem", "a")]),
        ("dynamodb", "BatchWriteItem", {"RequestItems": {"a": [], "b": []}}, [
            ("dynamodb:BatchWriteItem", "a"), ("dynamodb:BatchWriteItem", "b"),
        ]),
        ("dynamodb", "ExecuteStatement", {"Statement": "SELECT * FROM \"a-b\" WHERE x = 1"}, [
            ("dynamodb:PartiQLSelect", "a-b"),
        ]),
        ("dynamodb", "BatchExecuteStatement", {"Statements": [
            {"Statement": "insert into a value {'id': ?}"}, {"Statement": "UPDATE \"b\" SET x = 1"},
        ]}, [("dynamodb:PartiQLInsert", "a"), ("dynamodb:PartiQLUpdate", "b")]),
        ("dynamodb", "ExecuteTransaction", {"TransactStatements": [{"Statement": "DELETE FROM c WHERE id = 1"}]}, [
            ("dynamodb:PartiQLDelete", "c"),
        ]),
        ("dynamodb", "Query", {"TableName": "a", "IndexName": "by-b"}, [("dynamodb:Query", "a/index/by-b")]),
        ("dynamodb", "ExecuteStatement", {"Statement": 'SELECT * FROM "a"."by-b"'}, [
            ("dynamodb:PartiQLSelect", "a/index/by-b"),
        ]),
        ("secretsmanager", "GetSecretValue", {"SecretId": f"{SECRET}crm/token-a1B2c3"}, [
            ("secretsmanager:GetSecretValue", "crm/token"),
        ]),
        ("sqs", "SendMessageBatch", {"QueueUrl": "https://sqs/1/q"}, [("sqs:SendMessage", "q")]),
        ("events", "PutEvents", {"Entries": [{"EventBusName": "b"}, {"EventBusName": "b"}, {}]}, [
            ("events:PutEvents", "b"), ("events:PutEvents", "default"),
        ]),
        ("ses", "SendEmail", {}, [("ses:SendEmail", "")]),
        ("lambda", "Invoke", {}, [("lambda:InvokeFunction", "")]),
        ("s3", "ListObjectsV2", {}, [("s3:ListBucket", "")]),
        ("monitoring", "GetMetricData", {}, [("cloudwatch:GetMetricData", "")]),
    ],
)  # fmt: skip
def test_a_call_needs_what_iam_wants_for_it(
    service: str, operation: str, asked: dict[str, Any], needed: list[tuple[str, str]]
) -> None:
    found = [(need.action, need.name) for need in needs(service, operation, asked)]
    assert found == needed
    assert all(actions.exists(action) for action, _ in found)


def denied(**changes: Any) -> str:
    """The cause of the recorded request, with the consumer's entry changed."""
    forget_clients()
    with rehearsal(changed_consumer("open_ticket", **changes), "test") as aws:
        assert handler(EVENT)["batchItemFailures"], "it is not refused"
        (cause,) = aws.items(names.FAILURES)
        return f"{cause['error_type']}: {cause['error_message']}"


KEYS = Access(table="keys", actions=("PutItem",))


def test_what_the_entry_does_not_say_is_denied_by_a_sentence_that_names_it() -> None:
    cause = denied(access=(Access(table="tickets", actions=("GetItem",)), KEYS))
    assert "AccessDeniedException" in cause
    assert "not authorized to perform dynamodb:PutItem on" in cause
    assert 'Consumer(function="open_ticket") in stacks/topology.py does not say so; add PutItem to its Access(' in cause


def test_what_a_test_does_itself_is_not_the_handlers() -> None:
    with rehearsal(SAMPLE, "test") as aws:
        aws.put("agents", {"agent": "ada", "hours": 1})
        table = names.resource("test", "agents")
        client = boto3.client("dynamodb", region_name=REGION)
        assert client.scan(TableName=table)["Count"] == len(aws.items("agents")) == 1


def test_what_is_not_a_consumer_of_the_map_may_do_anything() -> None:
    forget_clients()
    stranger = consumer(lambda ticket, message: None, accepts=OpenTicket)
    with rehearsal(SAMPLE, "test"):
        assert stranger(EVENT)["batchItemFailures"] == []


def test_a_grant_allows_what_it_names() -> None:
    granted = Consumer(
        function="f",
        grants=(
            Grant(actions=("s3:GetObject",), resources=("arn:aws:s3:::in/*",)),
            Grant(actions=("sqs:SendMessage",), resources=("arn:aws:sqs:{region}:{account}:theirs-{stage}-*",)),
        ),
    )
    assert allowed(Need("s3:GetObject"), granted, "test")
    assert not allowed(Need("s3:PutObject"), granted, "test")
    assert allowed(Need("sqs:SendMessage", "theirs-test-1"), granted, "test")
    assert not allowed(Need("sqs:SendMessage", "ours"), granted, "test")


@pytest.mark.parametrize(
    ("resource", "asked", "taken"),
    [
        (f"{SECRET}crm-token-??????", "crm-token", True),
        (f"{SECRET}crm-token-a1B2c3", "crm-token", True),
        (f"{SECRET}crm/*", "crm/token", True),
        (f"{SECRET}crm-token", "crm-token", False),
        (f"{SECRET}my-secret", "my-secret", False),
        (f"{SECRET}crm-token-??????", "crm", False),
        (f"{TABLE}crm", "crm", True),
        (f"{TABLE}crm", "crm/index/by-mail", False),
        (f"{TABLE}crm/index/by-mail", "crm/index/by-mail", True),
        (f"{TABLE}crm/index/by-mail", "crm", False),
        (f"{TABLE}crm/index/by-mail", "by-mail", False),
        (f"{TABLE}crm/index/*", "crm/index/by-mail", True),
    ],
)
def test_a_secrets_suffix_and_a_tables_index_count_as_iam_counts_them(resource: str, asked: str, taken: bool) -> None:
    action = "dynamodb:Query" if ":table/" in resource else "secretsmanager:GetSecretValue"
    granted = Consumer(function="f", grants=(Grant(actions=(action,), resources=(resource,)),))
    assert allowed(Need(action, asked), granted, "test") is taken
    own = Consumer(function="f", access=(Access(table="crm", actions=("Query",)),))
    ours = names.resource("test", asked)
    assert allowed(Need("dynamodb:Query", ours), own, "test") is (asked == "crm"), "an access is to the table alone"


@pytest.mark.parametrize(
    ("need", "change"),
    [
        (Need("dynamodb:Query", "theirs"), 'a Grant(actions=("dynamodb:Query",), …) on theirs'),
        (Need("secretsmanager:GetSecretValue", "crm-token"), 'a Grant(actions=("secretsmanager:GetSecretValue",), …)'),
        (Need("secretsmanager:GetSecretValue", names.resource("test", "token")), '"token" to its secrets'),
    ],
)
def test_what_the_map_would_have_to_say_is_what_it_takes(need: Need, change: str) -> None:
    assert f"add {change}" in entry_to_change(need, Consumer(function="f"), "test")


@pytest.mark.parametrize(
    ("need", "changes"),
    [
        (Need("dynamodb:GetItem", names.resource("test", "tickets")), {"access": ()}),
        (Need("secretsmanager:GetSecretValue", names.resource("test", "token")), {"secrets": ()}),
        (Need("ses:SendEmail"), {"sends_email": False}),
        (Need("events:PutEvents", names.resource("test", names.BUS)), {"publishes": ()}),
    ],
)
def test_each_field_of_an_entry_allows_its_own(need: Need, changes: dict[str, Any]) -> None:
    full = Consumer(
        function="f",
        access=(Access(table="tickets", actions=("GetItem",)),),
        secrets=("token",),
        sends_email=True,
        publishes=(TicketOpened,),
    )
    assert allowed(need, full, "test")
    assert not allowed(need, replace(full, **changes), "test")


def test_what_handlers_do_is_gathered_and_what_none_does_is_superfluous() -> None:
    forget_clients()
    with rehearsal(SAMPLE, "test"):
        assert handler(EVENT)["batchItemFailures"] == []
    assert ("open_ticket", "PutItem", "tickets") in done()
    access = (Access(table="tickets", actions=("PutItem", "GetItem")),)
    more = changed_consumer("open_ticket", access=access)
    (sentence,) = judged(more, {("open_ticket", "PutItem", "tickets")})
    assert sentence.startswith('Consumer(function="open_ticket"): GetItem on table "tickets" is in the map')
    assert judged(more, set()) == [], "nothing is known of a consumer of which no handler ran"
