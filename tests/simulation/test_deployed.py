"""The environment and the permissions of the simulation are those of the templates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stacks import names
from stacks.entry import Consumer, Topology
from tests.sample.timed import TIMED
from tests.sample.topology import SAMPLE
from tests.simulation import deployed
from tests.simulation.order_kinds import on_poison
from tests.stacks.templates import Templates, listed, statements, synthesize

STAGE = names.LOCAL
BY_PREFIX = ("lambda:InvokeFunction", "lambda:UpdateEventSourceMapping")
"""What pause_consumer may do with every function of the stage; the second one by its condition."""
LAMBDAS_OWN = ("logs:", "xray:", "kms:")


@pytest.fixture(autouse=True)
def stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed, "STAGE", STAGE)


EVERYONE = (*SAMPLE.consumers, deployed.PAUSER)
CONSUMERS = pytest.mark.parametrize("consumer", EVERYONE, ids=lambda consumer: consumer.function)


def _same_environment(local: Templates, topology: Topology, consumer: Consumer) -> None:
    found = local.named("AWS::Lambda::Function", "FunctionName", names.resource(STAGE, consumer.function))
    variables = found["Environment"]["Variables"]
    ours = deployed.environment(topology, consumer)
    assert set(ours) == set(variables)
    # What is a reference in the template is known when it is deployed; the sender and the level are the stage's.
    fixed = {name for name, value in variables.items() if isinstance(value, str)} - {"EMAIL_FROM", "LOG_LEVEL"}
    assert {name: ours[name] for name in fixed} == {name: variables[name] for name in fixed}


def test_a_consumer_that_parks_is_told_and_may_do_what_its_template_says(tmp_path: Path) -> None:
    parks = on_poison("park")
    templates, consumer = synthesize(tmp_path, STAGE, parks), parks.consumer("change_ticket")
    _same_environment(templates, parks, consumer)
    _same_permissions(templates, parks, consumer)


def test_what_plans_and_what_schedules_feed_are_told_and_may_do_what_their_templates_say(tmp_path: Path) -> None:
    templates = synthesize(tmp_path, STAGE, TIMED)
    for consumer in TIMED.consumers:
        _same_environment(templates, TIMED, consumer)
        _same_permissions(templates, TIMED, consumer)


@CONSUMERS
def test_the_environment_is_that_of_the_template(local: Templates, consumer: Consumer) -> None:
    _same_environment(local, SAMPLE, consumer)


@CONSUMERS
def test_the_permissions_are_those_of_the_template(local: Templates, consumer: Consumer) -> None:
    _same_permissions(local, SAMPLE, consumer)


def _same_permissions(local: Templates, topology: Topology, consumer: Consumer) -> None:
    function = local.named("AWS::Lambda::Function", "FunctionName", names.resource(STAGE, consumer.function))
    role = function["Role"]["Fn::GetAtt"][0]
    granted = [
        (action, json.dumps([statement["Resource"], statement.get("Condition")]))
        for policy in local.properties("AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for statement in statements(policy)
        for action in listed(statement["Action"])
        if not action.startswith(LAMBDAS_OWN)
    ]
    ours = deployed.permissions(topology, consumer)
    assert {action for action, _ in ours} == {action for action, _ in granted}
    for action, resource in ours:
        if action in BY_PREFIX:
            assert any(action == theirs and f'{names.resource(STAGE, "*")}"' in where for theirs, where in granted)
        elif not action.startswith(("sqs:", "ses:")):  # a reference in the template; the stage's own sender
            words = [f'"{word}"' for word in resource.split()[1:]]
            name = resource.split()[0]
            assert any(
                action == theirs and name in where and all(word in where for word in words) for theirs, where in granted
            ), (action, resource)
