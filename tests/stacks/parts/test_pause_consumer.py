"""What pauses consumers: its queue, which keeps what holds them, and a role that switches mappings and asks."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from functions.contracts.environment import ConsumerVariables, PauseVariables, variable
from functions.contracts.pause import PAUSE_CONSUMER
from functions.pause_consumer.handler import LONGEST
from functions.runtime.deadline import Deadline
from stacks import names
from stacks.entry import Topology
from tests.fixtures import Context
from tests.sample.topology import SAMPLE
from tests.simulation.deployed import PAUSER
from tests.stacks.templates import Templates, listed, statements, synthesize

NAME = names.queue("prod", PAUSE_CONSUMER, fifo=True)
DAY = 24 * 60 * 60


def grants(templates: Templates, effect: str = "Allow") -> dict[str, dict[str, Any]]:
    """The statement of the role for each action of SQS and Lambda."""
    role = templates.function(PAUSE_CONSUMER)["Role"]["Fn::GetAtt"][0]
    return {
        action: dict(statement)
        for policy in templates.properties("AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for statement in statements(policy)
        if statement["Effect"] == effect
        for action in listed(statement["Action"])
        if action.startswith(("sqs:", "lambda:", "kms:"))
    }


def test_what_holds_a_paused_consumer_is_kept_as_long_as_sqs_keeps_anything(prod: Templates) -> None:
    queue = prod.queue(NAME)
    assert queue["MessageRetentionPeriod"] == 14 * DAY
    assert "RedrivePolicy" not in queue


def test_a_worker_that_dies_while_it_probes_delays_the_next_probe_by_two_minutes(prod: Templates) -> None:
    assert prod.queue(NAME)["VisibilityTimeout"] == 126
    assert 6 * prod.function(PAUSE_CONSUMER)["Timeout"] == 126


def test_its_time_is_enough_for_one_consumer_and_what_is_proven_has_the_same(prod: Templates) -> None:
    timeout = prod.function(PAUSE_CONSUMER)["Timeout"]
    assert Deadline(Context(timeout)).left("handling") > LONGEST, "else it never begins"
    assert timeout == PAUSER.timeout


def test_it_is_fed_by_its_queue_and_says_which_messages_stay(prod: Templates) -> None:
    (mapping,) = prod.properties("AWS::Lambda::EventSourceMapping", "shared")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert prod.function(PAUSE_CONSUMER)["Handler"] == "functions.pause_consumer.handler.handler"


def test_it_may_switch_mappings_of_the_stages_functions_only(prod: Templates) -> None:
    found = grants(prod)
    ours = f":function:{names.resource('prod', '*')}"
    assert found["lambda:ListEventSourceMappings"]["Resource"] == "*"
    assert json.dumps(found["lambda:InvokeFunction"]["Resource"]).endswith(f'{ours}"]]}}')
    switching = found["lambda:UpdateEventSourceMapping"]
    assert json.dumps(switching["Resource"]).endswith(':event-source-mapping:*"]]}')
    (condition,) = switching["Condition"].items()
    assert condition == ("ArnLike", {"lambda:FunctionArn": found["lambda:InvokeFunction"]["Resource"]})
    assert {action for action in found if action.startswith("lambda:")} == {
        *("lambda:ListEventSourceMappings", "lambda:InvokeFunction", "lambda:UpdateEventSourceMapping")
    }


def test_it_may_switch_nothing_of_a_stage_whose_name_goes_on_after_its_own(prod: Templates) -> None:
    denied = grants(prod, "Deny")
    assert denied.keys() == {"lambda:InvokeFunction", "lambda:UpdateEventSourceMapping"}
    others, _ = denied["lambda:InvokeFunction"]["Resource"]
    assert denied["lambda:UpdateEventSourceMapping"]["Condition"] == {"ArnLike": {"lambda:FunctionArn": others}}
    pattern = json.dumps(others).rstrip('"]}').rpartition(":")[2]
    functions = [each["FunctionName"] for each in prod.properties("AWS::Lambda::Function")]
    assert functions
    assert not [name for name in functions if fnmatchcase(name, pattern)]
    assert fnmatchcase(names.resource("prod-eu", SAMPLE.consumers[0].function), pattern)


def test_only_api_gateway_asks_what_checks_tokens(tokens: Templates) -> None:
    _, authorizer = grants(tokens, "Deny")["lambda:InvokeFunction"]["Resource"]
    (name,) = (
        each["FunctionName"]
        for each in tokens.properties("AWS::Lambda::Function", "ingress")
        if each["Handler"].startswith("functions.authorize_caller")
    )
    assert json.dumps(authorizer).rstrip('"]}').rpartition(":")[2] == name


def test_it_may_use_no_queue_but_its_own(prod: Templates) -> None:
    queues = {json.dumps(each["Resource"]) for action, each in grants(prod).items() if action.startswith("sqs:")}
    (logical_id,) = (
        logical_id
        for logical_id, resource in prod.stacks["shared"]["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue"
    )
    assert queues == {json.dumps({"Fn::GetAtt": [logical_id, "Arn"]})}


def test_every_consumer_is_told_where_to_say_that_a_service_is_away(prod: Templates) -> None:
    for consumer in SAMPLE.consumers:
        url = prod.function(consumer.function)["Environment"]["Variables"][variable("pause_queue_url")]
        assert json.dumps(url).endswith(f'/{NAME}"]]}}')


def test_the_names_that_it_makes_of_words_are_those_of_the_functions(prod: Templates) -> None:
    variables = prod.function(PAUSE_CONSUMER)["Environment"]["Variables"]
    told = PauseVariables.of({name: value for name, value in variables.items() if isinstance(value, str)} | QUEUE)
    for consumer in SAMPLE.consumers:
        assert prod.function(consumer.function)["FunctionName"] == told.consumer.format(function=consumer.function)
    assert (told.project, told.stage) == (names.PROJECT, "prod")


QUEUE = {variable("pause_queue_url", PauseVariables): "a reference"}


def test_both_name_the_queue_alike() -> None:
    assert variable("pause_queue_url", PauseVariables) == variable("pause_queue_url", ConsumerVariables)


def test_a_project_without_consumers_has_nothing_that_pauses_them(tmp_path: Path) -> None:
    assert not synthesize(tmp_path, "dev", Topology()).properties("AWS::SQS::Queue")
