"""Every permission is on a page that a reviewer reads."""

from __future__ import annotations

import re

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
