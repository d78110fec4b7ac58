"""Every permission is on a page that a reviewer reads."""

from __future__ import annotations

from documents import permissions
from stacks import names
from stacks.invariants.assembly import Assembly
from tests.sample.topology import SAMPLE
from tests.stacks.templates import Templates


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
