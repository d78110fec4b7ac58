"""Every permission is on a page that a reviewer reads, and the page is in step."""

from __future__ import annotations

from stacks import permissions
from stacks.invariants.assembly import Assembly
from stacks.topology import TOPOLOGY
from tests.stacks.templates import Templates


def test_the_page_holds_every_permission_and_is_in_step(prod: Templates) -> None:
    assert permissions.PATH.read_text() == permissions.draw(Assembly(prod.stacks))


def test_every_function_and_route_has_its_rows() -> None:
    page = permissions.PATH.read_text()
    for consumer in TOPOLOGY.consumers:
        assert f"| headrace-prod-{consumer.function} | table headrace-prod-failures | dynamodb:BatchWriteItem |" in page
        assert (
            f"| headrace-prod-{consumer.function} | lambda.amazonaws.com | aws:SourceAccount is this account |" in page
        )
    for route in TOPOLOGY.routes:
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
    page = permissions.draw(Assembly({**prod.stacks, "more": {"Resources": {"Intruder": wider}}}))
    assert "| intruder | * | sqs:* |" in page
    assert "| intruder | ec2.amazonaws.com |  |" in page
