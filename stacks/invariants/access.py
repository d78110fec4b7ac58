"""Rules for roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacks import actions
from stacks.invariants.assembly import Assembly, Resource, listed, statements, text
from stacks.invariants.rule import Finding, rule

KEY = "AWS::KMS::Key"
"""Its policy names all that it can do, for the account whose key it is, and is all that protects it."""

BY_LAMBDA = (
    *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"),
    *("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
)
"""What Lambda asks of a function's role on all there is, before it attaches the function to a VPC.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"""


def grants(assembly: Assembly) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Every statement that allows something to a role, with the resource that holds it."""
    return ((holder, each) for holder, each in of_roles(assembly) if each.get("Effect") != "Deny")


def of_roles(assembly: Assembly) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Every statement of a role's policies, with the resource that holds it."""
    for policy in (*assembly.of("AWS::IAM::Policy"), *assembly.of("AWS::IAM::ManagedPolicy")):
        yield from ((policy, statement) for statement in statements(policy.properties.get("PolicyDocument")))
    for role in assembly.of("AWS::IAM::Role"):
        for inline in role.properties.get("Policies", []):
            yield from ((role, statement) for statement in statements(inline.get("PolicyDocument")))


def policies(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every statement in a resource's properties, whosever policy it is in."""
    if isinstance(value, Mapping):
        if "Effect" in value and "Action" in value:
            yield value
        for inner in value.values():
            yield from policies(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from policies(inner)


@rule(
    fix="Correct the action's name; an unknown one allows nothing, and denies nothing.",
    source="https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html",
)
def known_actions(assembly: Assembly) -> Iterator[Finding]:
    """Every action that a policy names, of a role, a queue, a key or anything else, is one that IAM knows."""
    for resource in assembly:
        for statement in policies(resource.properties):
            for action in map(text, listed(statement["Action"])):
                if not actions.exists(action):
                    near = actions.nearest(action)
                    yield resource, action + (f" where {near} is near" if near else "")


@rule(
    fix="List the actions that the code calls.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def exact_actions(assembly: Assembly) -> Iterator[Finding]:
    """No role is allowed an action with a wildcard, and nobody is by a resource, but for a key that guards itself."""
    for resource in assembly:
        if resource.kind == KEY:
            continue
        for statement in policies(resource.properties):
            for action in map(text, listed(statement["Action"])):
                if "*" in action and statement["Effect"] == "Allow":
                    yield resource, action


@rule(
    fix="Name the resources by ARN.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def exact_resources(assembly: Assembly) -> Iterator[Finding]:
    """No role is allowed anything on every resource, but for actions that know none, and network interfaces."""
    for holder, statement in grants(assembly):
        if "*" in map(text, listed(statement.get("Resource"))):
            broad = [
                each
                for each in map(text, listed(statement.get("Action")))
                if not actions.is_without_resource(each) and each not in BY_LAMBDA
            ]
            if broad:
                yield holder, ", ".join(broad)


RULES = (known_actions, exact_actions, exact_resources)
