"""Functions run in the stage's VPC where map or stage say so, and only if they reach from there what they call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacks import names, network
from stacks.entry import Grant, Topology
from stacks.settings import SettingsError
from tests.sample.topology import SAMPLE
from tests.simulation.sample import changed_consumer
from tests.stacks.templates import JWT, VPC, Templates, listed, settings_of, statements, synthesize

FUNCTION = "AWS::Lambda::Function"
ENDPOINTS = ["dynamodb", "events", "lambda", "secretsmanager", "ses", "sqs"]
NAMED: dict[str, Any] = {**VPC, "nat": False, "functions": "named", "endpoints": ["dynamodb", "events", "sqs"]}
ONE = changed_consumer("open_ticket", vpc=True)


def inside(templates: Templates) -> set[str]:
    """The functions that run in the VPC, by their words."""
    prefix = names.resource(templates.stage, "")
    found = [each for each in templates.properties(FUNCTION) if "VpcConfig" in each]
    return {each["FunctionName"].removeprefix(prefix) for each in found}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("one"), "dev", ONE, vpc=NAMED)


def test_a_consumer_that_says_so_runs_in_the_vpc_and_no_other_function_does(one: Templates) -> None:
    assert inside(one) == {"open_ticket"}
    config = one.function("open_ticket")["VpcConfig"]
    assert (config["SubnetIds"], config["SecurityGroupIds"]) == (VPC["subnets"], VPC["security_groups"])


def test_its_role_lets_lambda_attach_it_and_its_own_code_do_nothing_of_that(one: Templates) -> None:
    found: dict[str, list[Any]] = {}
    for policy in one.properties("AWS::IAM::Policy"):
        for statement in statements(policy):
            if any(action.startswith("ec2:") for action in listed(statement["Action"])):
                found.setdefault(statement["Effect"], []).append(statement)
    (allow,), (deny,) = found["Allow"], found["Deny"]
    assert {each for each in allow["Action"] if each.startswith("ec2:")} == set(deny["Action"])
    own = deny["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]
    assert own["Fn::Join"][1][-1].endswith(f":function:{names.resource('dev', 'open_ticket')}")


def test_it_is_made_after_its_permissions_and_goes_before_them(one: Templates) -> None:
    resources = one.stacks["tickets"]["Resources"]
    (function,) = [each for each in resources.values() if "VpcConfig" in each["Properties"]]
    depended = {resources[each]["Type"] for each in function["DependsOn"]}
    assert "AWS::IAM::Policy" in depended


def test_a_stage_may_run_every_function_there(tmp_path: Path) -> None:
    vpc = {**VPC, "nat": False, "endpoints": [*ENDPOINTS, "scheduler"]}
    words = {consumer.function for consumer in SAMPLE.consumers} | {"pause_consumer"}
    assert inside(synthesize(tmp_path / "closed", "dev", vpc=vpc, **JWT)) == words, "the issuer is not reached"
    assert inside(synthesize(tmp_path / "open", "dev", vpc=VPC, **JWT)) == words | {"authorize_caller"}


def test_on_this_machine_a_consumer_runs_where_the_others_do() -> None:
    local = settings_of(names.LOCAL)
    network.check(ONE, local)
    assert not network.runs_inside(ONE.consumer("open_ticket"), local)


@pytest.mark.parametrize(
    ("topology", "vpc", "sentence"),
    [
        (ONE, None, "stage 'dev': consumer 'open_ticket' runs in a VPC, and the stage has none; add the setting vpc"),
        (
            ONE,
            {**NAMED, "endpoints": ["sqs"]},
            "function 'open_ticket' calls dynamodb, events, which it does not reach",
        ),
        (
            changed_consumer("mail_ticket", vpc=True),
            {**NAMED, "endpoints": ["sqs", "dynamodb"]},
            "function 'mail_ticket' calls ses, which it does not reach from there; make the endpoints and list them",
        ),
        (changed_consumer("receive_webhook", vpc=True), NAMED, "function 'receive_webhook' calls secretsmanager,"),
        (
            changed_consumer(
                "open_ticket", vpc=True, grants=(Grant(actions=("s3:GetObject",), resources=("arn:aws:s3:::a/b",)),)
            ),
            NAMED,
            "function 'open_ticket' calls s3,",
        ),
        (SAMPLE, {**VPC, "nat": False, "endpoints": ENDPOINTS[:2]}, "calls sqs, which it does not reach"),
        (
            SAMPLE,
            {**VPC, "nat": False, "endpoints": sorted({*ENDPOINTS, "scheduler"} - {"lambda"})},
            "function 'pause_consumer' calls lambda,",
        ),
        (SAMPLE, {**VPC, "nat": False, "endpoints": ENDPOINTS}, "function 'plan_command' calls scheduler,"),
        (
            ONE,
            {**NAMED, "endpoints": ["sqss"]},
            "there is no service 'sqss'; name it as its IAM actions do, such as sqs.",
        ),
        (ONE, {**NAMED, "endpoints": ["email"]}, "there is no service 'email'; name it as its IAM actions do"),
    ],
)
def test_a_function_that_would_not_reach_what_it_calls_is_one_sentence(
    topology: Topology, vpc: dict[str, Any] | None, sentence: str
) -> None:
    settings = settings_of("dev", **({"vpc": vpc} if vpc else {}))
    with pytest.raises(SettingsError) as refused:
        network.check(topology, settings)
    assert sentence in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("rds-db:connect", "arn:aws:rds-db:eu-central-1:111122223333:dbuser:cluster-ABC/user"),
        ("elasticache:Connect", "arn:aws:elasticache:eu-central-1:111122223333:user:x"),
        ("kafka-cluster:Connect", "arn:aws:kafka:eu-central-1:111122223333:cluster/n/u"),
    ],
)
def test_a_connection_to_what_is_in_the_vpc_needs_no_endpoint(action: str, resource: str) -> None:
    grants = (Grant(actions=(action,), resources=(resource,)),)
    network.check(changed_consumer("open_ticket", vpc=True, grants=grants), settings_of("dev", vpc=NAMED))


def test_this_machine_has_no_vpc() -> None:
    with pytest.raises(SettingsError, match="vpc: this machine has none; leave it out"):
        settings_of(names.LOCAL, vpc=VPC)
