"""Rules for roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacks.invariants.assembly import Assembly, Resource, listed, statements, text
from stacks.invariants.rule import Finding, rule

# Actions, or all actions of a service, that know no resource.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
WITHOUT_RESOURCE = (
    *("xray:", "lambda:ListEventSourceMappings"),
    *("cloudwatch:GetMetricData", "logs:DescribeLogGroups", "logs:GetQueryResults", "logs:StopQuery"),
)


def grants(assembly: Assembly) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Every statement that allows something to a role, with the resource that holds it."""
    for policy in assembly.of("AWS::IAM::Policy"):
        yield from ((policy, statement) for statement in statements(policy.properties.get("PolicyDocument")))
    for role in assembly.of("AWS::IAM::Role"):
        for inline in role.properties.get("Policies", []):
            yield from ((role, statement) for statement in statements(inline.get("PolicyDocument")))


@rule(
    fix="List the actions that the code calls.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def exact_actions(assembly: Assembly) -> Iterator[Finding]:
    """No role is allowed an action with a wildcard."""
    for holder, statement in grants(assembly):
        for action in map(text, listed(statement.get("Action"))):
            if "*" in action:
                yield holder, action


@rule(
    fix="Name the resources by ARN.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def exact_resources(assembly: Assembly) -> Iterator[Finding]:
    """No role is allowed anything on every resource, but for actions that know none."""
    for holder, statement in grants(assembly):
        actions = list(map(text, listed(statement.get("Action"))))
        if "*" in map(text, listed(statement.get("Resource"))) and not all(
            action.startswith(WITHOUT_RESOURCE) for action in actions
        ):
            yield holder, ", ".join(actions)


RULES = (exact_actions, exact_resources)
