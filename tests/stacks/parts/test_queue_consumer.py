"""What every consumer promises: its function, its event source mapping and its role."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from functions.contracts.plan import PLAN_COMMAND
from stacks import names
from stacks.entry import Consumer
from tests.sample.topology import SAMPLE
from tests.stacks.parts.test_environment import OTHERS, STAGE, odd_numbers
from tests.stacks.templates import SENDER, Templates, listed, statements, synthesize

CONSUMERS = pytest.mark.parametrize("consumer", SAMPLE.consumers, ids=lambda consumer: consumer.function)


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
    assert found["Handler"] == f"{SAMPLE.module(consumer.function)}.handler"
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
    own = {"TABLE_PLANNED"} if consumer.function in SAMPLE.delayed() else set()
    assert tables == {f"TABLE_{access.table.upper()}" for access in consumer.access} | own
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
    if consumer.function in SAMPLE.delayed():
        expected |= {
            f"table/{prefix}planned": {"dynamodb:UpdateItem"},
            f":{prefix}plan_command": {"sqs:SendMessage"},
        }
    if consumer.function == PLAN_COMMAND:
        expected |= {
            f":{prefix}open_ticket": {"sqs:SendMessage"},
            f":schedule/{prefix}plans/*": {"scheduler:CreateSchedule", "scheduler:DeleteSchedule"},
            f":role/{prefix}plans-": {"iam:PassRole"},
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


def test_only_the_consumer_of_a_queue_that_parks_may_read_and_change_what_is_parked(tmp_path: Path) -> None:
    parks = synthesize(tmp_path, STAGE, odd_numbers(), **OTHERS)
    table = names.resource(STAGE, names.PARKED)
    for consumer in SAMPLE.consumers:
        mine = consumer.function == "change_ticket"
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
