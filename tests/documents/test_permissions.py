"""Every permission is on a page that a reviewer reads."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from documents import permissions
from stacks import names
from stacks.invariants.assembly import Assembly
from tests.sample.topology import SAMPLE
from tests.stacks.templates import ENDPOINT, FORMER, KEY, OTHER_ENDPOINT, Templates


def test_every_function_and_route_has_its_rows(prod: Templates) -> None:
    page = permissions.draw(Assembly(prod.stacks), "prod")
    assert "Everything that is allowed in stage prod" in page
    failures = names.resource("prod", names.FAILURES)
    for consumer in SAMPLE.consumers:
        function = names.resource("prod", consumer.function)
        assert f"| {function} | table {failures} | dynamodb:UpdateItem |" in page
        assert f"| {function} | lambda.amazonaws.com | aws:SourceAccount is this account |" in page
    for route in SAMPLE.routes:
        assert f"| Lets {route.name} send to " in page


def test_a_wider_permission_shows_on_the_page(prod: Templates) -> None:
    wider = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": "What intruder may do.",
            "AssumeRolePolicyDocument": {
                "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]
            },
            "Policies": [{"PolicyDocument": {"Statement": [{"Action": "sqs:*", "Resource": "*"}]}}],
        },
    }
    page = permissions.draw(Assembly({**prod.stacks, "more": {"Resources": {"Intruder": wider}}}), "prod")
    assert "| intruder | * | sqs:* |" in page
    assert "| intruder | ec2.amazonaws.com |  |" in page


UNRESOLVED = re.compile(r"\$\{|Fn::|\{\"|Ref\b|[A-Za-z]{3}[0-9A-F]{8}\b")
"""A reference, a function of CloudFormation's, or the end of a logical id that the CDK made up."""


def test_nothing_on_the_page_is_left_to_resolve(kind: Templates) -> None:
    page = permissions.draw(Assembly(kind.stacks), kind.stage)
    assert [line for line in page.splitlines() if UNRESOLVED.search(line)] == []


def rows(templates: Templates, head: str) -> list[str]:
    """The lines that begin so."""
    page = permissions.draw(Assembly(templates.stacks), templates.stage)
    return [line for line in page.splitlines() if line.startswith(f"| {head}")]


def test_whom_the_stages_key_lets_in_and_what_roles_do_with_it(tokens: Templates) -> None:
    key = f"key {names.resource('tokens', 'key')}"
    account = "aws:SourceAccount is this account"
    allowed = rows(tokens, f"{key} |")
    assert f"| {key} | cloudwatch.amazonaws.com | kms:Decrypt, kms:GenerateDataKey | {account} |" in allowed
    assert f"| {key} | events.amazonaws.com | kms:DescribeKey |  |" in allowed
    assert f"| {key} | whom IAM lets, in this account | kms:* |  |" in allowed
    (tables,) = [row for row in allowed if "| anyone |" in row]
    assert "kms:CallerAccount is this account; kms:ViaService is dynamodb.this region.amazonaws.com" in tables
    opens = f"| {names.resource('tokens', 'open_ticket')} | {key} | kms:Decrypt, kms:GenerateDataKey |  |"
    assert opens in rows(tokens, names.resource("tokens", "open_ticket"))


def test_a_key_that_was_there_is_named_by_its_id(inside: Templates) -> None:
    opened = rows(inside, f"{names.resource('inside', 'open_ticket')} | key ")
    assert [row.split(" | ")[1:3] for row in opened] == [
        [f"key {FORMER.rpartition('/')[2]}", "kms:Decrypt"],
        [f"key {KEY.rpartition('/')[2]}", "kms:Decrypt, kms:GenerateDataKey"],
    ]


def test_who_may_invoke_what_says_who_may_call(tokens: Templates) -> None:
    authorizer = names.resource("tokens", "authorize_caller")
    source = f"aws:SourceArn is API {names.resource('tokens', 'api')}/authorizers/{authorizer}"
    invoked = f"| function {authorizer} | apigateway.amazonaws.com | lambda:InvokeFunction | {source} |"
    assert rows(tokens, f"function {authorizer}") == [invoked]


def test_whom_a_private_api_lets_in_and_refuses(inside: Templates) -> None:
    api = f"API {names.resource('inside', 'api')}"
    assert rows(inside, api) == [
        f"| {api}/* | anyone | never execute-api:Invoke | aws:SourceVpce is not {ENDPOINT} or {OTHER_ENDPOINT} |",
        f"| {api}/inside/POST/v1/webhooks/* | anyone | execute-api:Invoke |  |",
    ]


def test_what_every_route_asks_of_its_callers(
    prod: Templates, keys: Templates, inside: Templates, local: Templates
) -> None:
    signed = "a signature of an AWS identity, which IAM lets call it"
    webhook = "| POST /v1/webhooks/{source} | a sender's signature, which the consumer checks |"
    opened, changed = "| POST /v1/tickets |", "| POST /v1/tickets/{ticket_id}/changes |"
    assert rows(prod, "POST /") == [f"{opened} {signed} |", f"{changed} {signed} |", webhook]
    held = "an API key of the stage's usage plan"
    assert rows(keys, "POST /") == [f"{opened} {held} |", f"{changed} {held} |", webhook]
    borne = f"a token, which {names.resource('inside', 'authorize_caller')} lets in"
    assert rows(inside, "POST /") == [f"{opened} {signed} |", f"{changed} {borne} |", webhook]
    assert rows(local, "POST /") == [f"{opened} nothing |", f"{changed} nothing |", webhook]


def test_who_may_publish_on_a_bus_shows_on_the_page() -> None:
    said = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "events:PutEvents", "Resource": "*"}
    policy = {"EventBusName": "theirs", "StatementId": "a", "Statement": said}
    bare = {"StatementId": "b", "Principal": "*", "Action": "events:PutEvents"}
    resources = {
        name: {"Type": "AWS::Events::EventBusPolicy", "Properties": each} for name, each in (("A", policy), ("B", bare))
    }
    page = permissions.draw(Assembly({"one": {"Resources": resources}}), "prod")
    assert "| event-bus theirs | 123456789012 | events:PutEvents |  |" in page
    assert "| event-bus default | anyone | events:PutEvents |  |" in page


def of(**resources: tuple[str, dict[str, Any]]) -> str:
    """The page of a template with those resources."""
    made = {name: {"Type": kind, "Properties": said} for name, (kind, said) in resources.items()}
    return permissions.draw(Assembly({"one": {"Resources": made}}), "prod")


def document(**said: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/k", **said}]}


ROLE, POLICY = "AWS::IAM::Role", "AWS::IAM::Policy"


def test_a_role_that_was_there_before_is_called_by_its_name() -> None:
    page = of(P=(POLICY, {"Roles": ["theirs"], "PolicyDocument": document()}))
    assert "| theirs | bucket b/k | s3:GetObject |  |" in page
    page = of(P=("AWS::IAM::UserPolicy", {"UserName": "ann", "PolicyDocument": document()}))
    assert "| ann | bucket b/k | s3:GetObject |  |" in page


@pytest.mark.parametrize(
    ("said", "row"),
    [
        ({"Principal": {"Service": "ec2.amazonaws.com"}}, "ec2.amazonaws.com |  |"),
        ({"Principal": "*", "Effect": "Deny"}, "never anyone |  |"),
        ({"NotPrincipal": {"AWS": "123456789012"}}, "anyone but 123456789012 |  |"),
    ],
)
def test_who_may_take_a_role_is_told_however_it_is_said(said: dict[str, Any], row: str) -> None:
    assert f"| R | {row}" in of(R=(ROLE, {"AssumeRolePolicyDocument": document(**said)}))


def test_what_is_allowed_by_exception_or_by_the_name_of_a_policy_is_told() -> None:
    but = {"Effect": "Allow", "NotAction": "s3:GetObject", "NotResource": "arn:aws:s3:::b/k"}
    policy = {"PolicyName": "p", "PolicyDocument": {"Statement": [but]}}
    page = of(R=(ROLE, {"Policies": [policy], "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}))
    assert "| R | all but bucket b/k | all but s3:GetObject |  |" in page
    assert "| R | whatever it says | policy arn:aws:iam::aws:policy/AdministratorAccess |  |" in page


def test_wildcards_in_the_place_of_an_arn_are_shown_as_they_are() -> None:
    assert "| P | arn:* | s3:GetObject |  |" in of(P=(POLICY, {"PolicyDocument": document(Resource="arn:*")}))


@pytest.mark.parametrize(
    ("kind", "said", "row"),
    [
        ("AWS::SQS::QueueInlinePolicy", {"Queue": "q", "PolicyDocument": document(Principal="*")}, "| q | anyone |"),
        ("AWS::SNS::TopicInlinePolicy", {"TopicArn": "t", "PolicyDocument": document(Principal="*")}, "| t | anyone |"),
        (
            "AWS::SecretsManager::ResourcePolicy",
            {"SecretId": "s", "ResourcePolicy": document(Principal="*")},
            "| s | anyone |",
        ),
        (
            "AWS::DynamoDB::Table",
            {"TableName": "t", "ResourcePolicy": {"PolicyDocument": document(Principal="*")}},
            "| AWS::DynamoDB::Table t | anyone |",
        ),
        (
            "AWS::Logs::ResourcePolicy",
            {"PolicyName": "p", "PolicyDocument": json.dumps(document(Principal="*"))},
            "| p | anyone |",
        ),
        ("AWS::Events::EventBus", {"Name": "b", "Policy": document(Principal="*")}, "| event-bus b | anyone |"),
        ("AWS::KMS::ReplicaKey", {"KeyPolicy": document(Principal="*")}, "| AWS::KMS::ReplicaKey X | anyone |"),
        (
            "AWS::Lambda::Permission",
            {"FunctionName": "f", "Action": "a", "Principal": "*", "PrincipalOrgID": "o-1", "SourceArn": "arn:*"},
            "| f | anyone | a | aws:PrincipalOrgID is o-1; aws:SourceArn is arn:* |",
        ),
        (
            "AWS::Lambda::LayerVersionPermission",
            {"LayerVersionArn": "l", "Action": "a", "Principal": "*", "OrganizationId": "o-1"},
            "| l | anyone | a | aws:PrincipalOrgID is o-1 |",
        ),
        ("AWS::Lambda::Url", {"TargetFunctionArn": "f", "AuthType": "NONE"}, "| f | anyone | its URL |  |"),
        ("AWS::Lambda::Url", {"TargetFunctionArn": "f", "AuthType": "AWS_IAM"}, "| f | whom IAM lets | its URL |  |"),
        ("AWS::IAM::AccessKey", {"UserName": "ann"}, "| ann |  | has an access key that lasts |  |"),
    ],
)
def test_whom_any_resource_lets_in_shows_on_the_page(kind: str, said: dict[str, Any], row: str) -> None:
    assert row in of(X=(kind, said))


def test_what_is_acknowledged_is_told_with_its_reason() -> None:
    suppressed = {
        "ruleName": "queue-policy",
        "reason": "It is a test.",
        "violatingConstructs": [{"constructPath": "tickets/Work/Resource"}],
    }
    ours = {"pluginName": names.PROJECT, "violations": [], "suppressedViolations": [suppressed]}
    nags = {"pluginName": "cdk-nag", "violations": [], "suppressedViolations": [suppressed | {"reason": "nag"}]}
    found = permissions.acknowledged({"pluginReports": [ours, nags]})
    assert found == [("tickets/Work", "queue-policy", "It is a test.")]
    assert "acknowledged\n\nNone is.\n" in permissions.draw(Assembly({}), "prod")
    page = permissions.draw(Assembly({}), "prod", found)
    assert "| tickets/Work | queue-policy | It is a test. |" in page
