"""What every consumer promises: its function, its event source mapping and its role."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.runtime.settings import Settings
from stacks import names
from stacks.entry import DAY, Consumer
from stacks.invariants.assembly import text
from tests.sample.topology import SAMPLE
from tests.stacks.templates import SENDER, Templates, listed, statements, synthesize

CONSUMERS = pytest.mark.parametrize("consumer", SAMPLE.consumers, ids=lambda consumer: consumer.function)


CHANGED: dict[str, Any] = {
    "receives": 7,
    "retention": 3 * DAY,
    "backoff_base": 3,
    "backoff_cap": 600,
    "on_poison": "park",
}
"""What one queue of the sample says in which no default is left."""


@pytest.fixture(scope="module")
def parks(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """A stage whose functions are told nothing that they would take without being told."""
    tickets, *others = SAMPLE.integrations
    queues = tuple(replace(each, **CHANGED) if each.name == "change_ticket" else each for each in tickets.queues)
    topology = replace(SAMPLE, integrations=(replace(tickets, queues=queues), *others))
    folder = tmp_path_factory.mktemp("parks")
    return synthesize(folder, "prod", topology, log_level="WARNING", previous_secret=3600)


def actions(templates: Templates, consumer: Consumer) -> dict[str, set[str]]:
    """What the consumer's role may do: the actions by the last word of the resource."""
    role = templates.function(consumer.function)["Role"]["Fn::GetAtt"][0]
    allowed: dict[str, set[str]] = {}
    for policy in templates.properties("AWS::IAM::Policy"):
        if {"Ref": role} in policy["Roles"]:
            for statement in statements(policy):
                for resource in listed(statement["Resource"]):
                    allowed.setdefault(json.dumps(resource), set()).update(listed(statement["Action"]))
    return allowed


def test_every_consumer_reports_partial_failures(prod: Templates) -> None:
    mappings = prod.properties("AWS::Lambda::EventSourceMapping")
    assert len(mappings) == len(SAMPLE.consumers) + 1, "and that of pause_consumer"
    assert all(mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for mapping in mappings)


def test_no_mapping_filters_because_what_a_filter_refuses_is_deleted(prod: Templates) -> None:
    assert all("FilterCriteria" not in mapping for mapping in prod.properties("AWS::Lambda::EventSourceMapping"))


@CONSUMERS
def test_a_function_runs_as_the_topology_says(prod: Templates, consumer: Consumer) -> None:
    found = prod.function(consumer.function)
    assert found["Handler"] == f"{SAMPLE.package}.{consumer.function}.handler.handler"
    assert (found["Timeout"], found["MemorySize"]) == (consumer.timeout, consumer.memory)
    assert (found["Runtime"], found["Architectures"]) == ("python3.13", ["arm64"])
    assert found["TracingConfig"] == {"Mode": "Active"}
    assert found["LoggingConfig"]["LogFormat"] == "JSON"


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_no_log_level_drops_metrics_or_the_reports_of_runs(tmp_path: Path, level: str) -> None:
    for found in synthesize(tmp_path, "dev", log_level=level).properties("AWS::Lambda::Function"):
        assert found["Environment"]["Variables"]["LOG_LEVEL"] == level
        assert found["LoggingConfig"]["ApplicationLogLevel"] in ("DEBUG", "INFO")
        assert found["LoggingConfig"]["SystemLogLevel"] == "INFO"


def test_functions_of_the_local_stage_run_on_this_very_python(local: Templates) -> None:
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert {found["Runtime"] for found in local.properties("AWS::Lambda::Function")} == {here}


@CONSUMERS
def test_a_mapping_takes_batches_as_the_topology_says(prod: Templates, consumer: Consumer) -> None:
    functions = {
        logical: found["Properties"]["FunctionName"]
        for template in prod.stacks.values()
        for logical, found in template["Resources"].items()
        if found["Type"] == "AWS::Lambda::Function"
    }
    (mapping,) = [
        found
        for found in prod.properties("AWS::Lambda::EventSourceMapping")
        if functions[found["FunctionName"]["Ref"]] == names.resource("prod", consumer.function)
    ]
    assert mapping["BatchSize"] == consumer.batch
    assert mapping.get("MaximumBatchingWindowInSeconds", 0) == consumer.window
    assert mapping.get("ScalingConfig", {}).get("MaximumConcurrency") == consumer.concurrency


def environment(templates: Templates, consumer: Consumer) -> dict[str, str]:
    """What the function is told, with the name of a queue in the place of its URL."""
    variables = templates.function(consumer.function)["Environment"]["Variables"]
    resources = {name: each for template in templates.stacks.values() for name, each in template["Resources"].items()}
    told = {}
    for name, value in variables.items():
        own = resources[value["Ref"]]["Properties"]["QueueName"] if "Ref" in value else text(value)
        told[name] = own.rpartition("/")[2] if name.endswith("QUEUE_URL") else own
    return told


@CONSUMERS
def test_what_a_function_reads_is_what_the_map_and_its_stage_say(parks: Templates, consumer: Consumer) -> None:
    (queue,) = [each for each in SAMPLE.queues if each.name == consumer.function]
    said = replace(queue, **(CHANGED if queue.name == "change_ticket" else {}))
    told = environment(parks, consumer)
    prefix = names.resource("prod", "")
    assert Settings.of(told) == Settings(
        project=names.PROJECT,
        stage="prod",
        service=consumer.function,
        log_level="WARNING",
        queue_url=names.queue("prod", queue.name, fifo=queue.fifo),
        receives=said.receives,
        retention=said.retention,
        backoff_base=said.backoff_base,
        backoff_cap=said.backoff_cap,
        on_poison=said.on_poison,
        failures_table=f"{prefix}failures",
        parked_table=f"{prefix}parked" if said.on_poison == "park" else None,
        pause_queue_url=f"{prefix}pause_consumer.fifo",
        once_table=f"{prefix}once" if consumer.sends_email else None,
        bus_name=f"{prefix}events" if consumer.publishes else None,
        email_from=SENDER if consumer.sends_email else None,
        previous_secret=3600 if consumer.secrets else DAY,
    )
    known = {name for name in told if name in Settings.__struct_encode_fields__}
    assert {name: told[name] for name in told.keys() - known} == {
        **{f"TABLE_{access.table.upper()}": f"{prefix}{access.table}" for access in consumer.access},
        **{f"SECRET_{word.upper()}": f"{prefix}{word}" for word in consumer.secrets},
    }


@CONSUMERS
def test_a_queue_begins_to_feed_its_function_when_the_function_may_do_its_work(
    prod: Templates, consumer: Consumer
) -> None:
    name = names.resource("prod", consumer.function)
    resources = prod.stacks[prod.holder("AWS::Lambda::Function", "FunctionName", name)]["Resources"]
    (own,) = [at for at, each in resources.items() if each.get("Properties", {}).get("FunctionName") == name]
    (mapping,) = [each for each in resources.values() if each["Properties"].get("FunctionName") == {"Ref": own}]
    for waits in (resources[own], mapping):
        policies = [resources[at] for at in waits["DependsOn"] if resources[at]["Type"] == "AWS::IAM::Policy"]
        assert [policy["Properties"]["Roles"][0]["Ref"] for policy in policies] == [
            prod.function(consumer.function)["Role"]["Fn::GetAtt"][0]
        ]


@CONSUMERS
def test_a_function_knows_its_tables_and_its_bus_only_if_it_uses_them(prod: Templates, consumer: Consumer) -> None:
    environment = prod.function(consumer.function)["Environment"]["Variables"]
    tables = {name for name in environment if name.startswith("TABLE_")}
    assert tables == {f"TABLE_{access.table.upper()}" for access in consumer.access}
    assert ("BUS_NAME" in environment) == bool(consumer.publishes)
    assert ("EMAIL_FROM" in environment) == ("ONCE_TABLE" in environment) == consumer.sends_email
    assert ("PREVIOUS_SECRET" in environment) == bool(consumer.secrets)
    assert "POWERTOOLS_IDEMPOTENCY_DISABLED" not in environment


@CONSUMERS
def test_a_role_may_do_exactly_what_its_function_does(prod: Templates, consumer: Consumer) -> None:
    allowed = actions(prod, consumer)
    prefix = names.resource("prod", "")
    expected = {
        f"table/{prefix}failures": {"dynamodb:UpdateItem"},
        f":{prefix}pause_consumer.fifo": {"sqs:SendMessage"},
        **{
            f"table/{prefix}{access.table}": {f"dynamodb:{action}" for action in access.actions}
            for access in consumer.access
        },
    }
    expected |= {f"secret:{prefix}{word}-??????": {"secretsmanager:GetSecretValue"} for word in consumer.secrets}
    if consumer.publishes:
        expected[f"event-bus/{prefix}events"] = {"events:PutEvents"}
    if consumer.sends_email:
        expected[f"table/{prefix}once"] = {f"dynamodb:{verb}Item" for verb in ("Put", "Update", "Delete")}
        expected |= {f"identity/{name}": {"ses:SendEmail"} for name in (SENDER, "example.com")}
    named = {key for key in allowed if any(f'{word}"' in key for word in expected)}
    assert {word: allowed[key] for word in expected for key in named if f'{word}"' in key} == expected
    rest = [allowed[key] for key in allowed if key not in named]
    assert sorted(map(sorted, rest)) == [
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    ]


@CONSUMERS
def test_a_function_puts_no_event_but_its_own(prod: Templates, consumer: Consumer) -> None:
    role = prod.function(consumer.function)["Role"]["Fn::GetAtt"][0]
    conditions = [
        statement["Condition"]
        for policy in prod.properties("AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for statement in statements(policy)
        if "events:PutEvents" in listed(statement["Action"])
    ]
    own = {
        "events:source": sorted({"probe", *(f"{names.PROJECT}.{event.source}" for event in consumer.publishes)}),
        "events:detail-type": sorted({"probe", *(event.__name__ for event in consumer.publishes)}),
    }
    assert conditions == ([{"ForAllValues:StringEquals": own}] if consumer.publishes else [])


def test_only_the_consumer_of_a_queue_that_parks_may_read_and_change_what_is_parked(parks: Templates) -> None:
    table = names.resource("prod", names.PARKED)
    for consumer in SAMPLE.consumers:
        mine = consumer.function == "change_ticket"
        variables = parks.function(consumer.function)["Environment"]["Variables"]
        assert variables.get("PARKED_TABLE") == (table if mine else None)
        (allowed,) = [what for where, what in actions(parks, consumer).items() if f'table/{table}"' in where] or [set()]
        assert allowed == ({"dynamodb:BatchGetItem", "dynamodb:UpdateItem"} if mine else set())
    (operator,) = (
        statement
        for policy in parks.properties("AWS::IAM::Policy", "operator")
        for statement in statements(policy)
        if statement["Sid"] == "Parked"
    )
    assert set(operator["Action"]) == {"dynamodb:Scan", "dynamodb:UpdateItem", "dynamodb:PutItem"}


def test_lambda_takes_a_role_for_functions_of_this_account_only(prod: Templates) -> None:
    trusts = [role["AssumeRolePolicyDocument"]["Statement"][0] for role in prod.properties("AWS::IAM::Role")]
    conditions = [trust["Condition"] for trust in trusts if trust["Principal"] == {"Service": "lambda.amazonaws.com"}]
    assert len(conditions) == len(prod.properties("AWS::Lambda::Function"))
    for condition in conditions:
        assert condition == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_no_role_takes_a_policy_that_aws_manages(prod: Templates) -> None:
    assert all("ManagedPolicyArns" not in role for role in prod.properties("AWS::IAM::Role"))


def test_every_log_group_forgets_after_the_days_of_its_stage(prod: Templates) -> None:
    groups = prod.properties("AWS::Logs::LogGroup")
    assert {names.log_group("prod", consumer.function) for consumer in SAMPLE.consumers} <= {
        group["LogGroupName"] for group in groups
    }
    assert {group["RetentionInDays"] for group in groups} == {180}
