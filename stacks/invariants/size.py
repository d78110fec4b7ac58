"""Rules for how large things may get: AWS refuses more in the middle of a deployment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.invariants.assembly import Assembly, Resource, text
from stacks.invariants.rule import Finding, rule

ROLE = "AWS::IAM::Role"
TEMPLATE, INLINE, MANAGED = 1_000_000, 10_240, 6_144
"""Bytes of a template, and characters of all inline policies of a role together and of a managed policy."""
ARN = "x" * 120
"""What an ARN may come to that the template only refers to."""
LONGEST = {"AWS::Partition": "aws-us-gov", "AWS::Region": "ap-southeast-1", "AWS::AccountId": 12 * "1"}


@rule(
    fix="Split what the stack holds: a stage takes some eighty routes, and an integration some twenty queues.",
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html",
)
def template_size(assembly: Assembly) -> Iterator[Finding]:
    """No template is larger than CloudFormation takes."""
    for resources in assembly.templates():
        size = assembly.sizes[resources[0].template]
        if size > TEMPLATE:
            yield resources[0], f"it has {size:,} bytes where a template may have {TEMPLATE:,}"


@rule(
    fix="Grant less to one function: a pattern of names instead of each, or two functions.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
)
def policy_size(assembly: Assembly) -> Iterator[Finding]:
    """A role's policies fit into what IAM takes, a function's twice, because a new one is made beside the old."""
    for managed in assembly.of("AWS::IAM::ManagedPolicy"):
        size = length(managed.properties.get("PolicyDocument"))
        if size > MANAGED:
            yield managed, f"it has {size:,} characters where {MANAGED:,} are taken"
    for role, policies in _inline(assembly):
        size = sum(map(length, policies))
        if size > INLINE:
            yield role, f"its policies come to {size:,} characters where {INLINE:,} are taken"


def length(value: Any) -> int:
    """The characters of a policy without its spaces, as long as its references may make it."""
    return len(json.dumps(_plain(value), separators=(",", ":")))


def _plain(value: Any) -> Any:
    match value:
        case {"Fn::GetAtt": _} | {"Fn::ImportValue": _}:
            return ARN
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(str, map(_plain, parts)))
        case {"Ref": name} if name in LONGEST:
            return LONGEST[name]
        case {"Ref": _}:
            return text(value)
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case list():
            return list(map(_plain, value))
    return value


def _inline(assembly: Assembly) -> Iterator[tuple[Resource, list[Any]]]:
    """Every role, and the documents of its inline policies that may be there at once."""
    beside: dict[Resource | None, list[Any]] = {}
    for policy in assembly.of("AWS::IAM::Policy"):
        for role in policy.properties.get("Roles", []):
            beside.setdefault(assembly.target(policy, role, ROLE), []).append(policy.properties.get("PolicyDocument"))
    for role in assembly.of(ROLE):
        of_function = "lambda.amazonaws.com" in json.dumps(role.properties.get("AssumeRolePolicyDocument"))
        own = [policy.get("PolicyDocument") for policy in role.properties.get("Policies", [])]
        yield role, own + beside.get(role, []) * (2 if of_function else 1)


RULES = (template_size, policy_size)
