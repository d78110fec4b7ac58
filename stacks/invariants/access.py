"""Rules for what roles, users and groups may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacks import actions
from stacks.invariants.assembly import Assembly, Resource, last_word, listed, text
from stacks.invariants.conditions import is_everything
from stacks.invariants.policies import everywhere, of_identities
from stacks.invariants.rule import Finding, rule

KEYS = ("AWS::KMS::Key", "AWS::KMS::ReplicaKey")
"""Its policy names all that it can do, for the account whose key it is, and is all that protects it."""
MANAGED = "AWS::IAM::ManagedPolicy"
LOGS = ("AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole")
"""AWS's policies for functions: what they allow is known, and log-group-remade has its say on them."""

BY_LAMBDA = (
    *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"),
    *("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
)
"""What Lambda asks of a function's role on all there is, before it attaches the function to a VPC.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"""


def grants(assembly: Assembly) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Every statement that allows something to a role, a user or a group, with the resource that holds it."""
    return ((each.holder, each.statement) for each in of_identities(assembly) if each.statement.get("Effect") != "Deny")


@rule(
    fix="Correct the action's name; an unknown one allows nothing, and denies nothing.",
    source="https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html",
)
def known_actions(assembly: Assembly) -> Iterator[Finding]:
    """Every action that a policy names, of a role, a queue, a key or anything else, is one that IAM knows."""
    for held in everywhere(assembly):
        for action in map(text, _actions(held.statement)):
            # All there are is what exact-actions judges.
            if action != "*" and not actions.exists(action):
                near = actions.nearest(action)
                yield held.holder, action + (f" where {near} is near" if near else "")


@rule(
    fix="List the actions that the code calls.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def exact_actions(assembly: Assembly) -> Iterator[Finding]:
    """No role is allowed an action with a wildcard, and nobody is by a resource, but for a key that guards itself."""
    for held in everywhere(assembly):
        if held.holder.kind in KEYS:
            continue
        for action in map(text, _actions(held.statement)):
            if ("*" in action or "?" in action) and held.statement["Effect"] == "Allow":
                yield held.holder, action


@rule(
    fix="Name the resources by ARN.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def exact_resources(assembly: Assembly) -> Iterator[Finding]:
    """No role is allowed anything on all of a service or an account, but what knows no resources, and interfaces."""
    for holder, statement in grants(assembly):
        if any(is_everything(text(each)) for each in listed(statement.get("Resource"))):
            broad = [
                each
                for each in map(text, listed(statement.get("Action")))
                if not actions.is_without_resource(each) and each not in BY_LAMBDA
            ]
            if broad:
                yield holder, ", ".join(broad)


@rule(
    fix="Say what is allowed: Action, Resource and Principal.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html",
)
def no_exceptions(assembly: Assembly) -> Iterator[Finding]:
    """No policy allows all but some: neither NotAction nor NotResource nor NotPrincipal stands where it allows."""
    for held in everywhere(assembly):
        for name in ("NotAction", "NotResource", "NotPrincipal"):
            if held.statement["Effect"] != "Deny" and name in held.statement:
                yield held.holder, f"it allows by {name}"


@rule(
    fix="Write what it may do as a policy in the template.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html",
)
def own_policies(assembly: Assembly) -> Iterator[Finding]:
    """No role, user or group has a policy by its ARN that no template holds, but what lets functions write logs."""
    for kind in ("Role", "User", "Group"):
        for holder in assembly.of(f"AWS::IAM::{kind}"):
            for arn in listed(holder.properties.get("ManagedPolicyArns")):
                target = assembly.target(holder, arn, MANAGED)
                if (target is None or target.kind != MANAGED) and last_word(arn) not in LOGS:
                    yield holder, text(arn)


@rule(
    fix="Let whoever holds it take a role.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#bp-workloads-use-roles",
)
def no_lasting_keys(assembly: Assembly) -> Iterator[Finding]:
    """No template makes an access key, because it lasts until somebody thinks of it."""
    for key in assembly.of("AWS::IAM::AccessKey"):
        yield key, f"user {text(key.properties.get('UserName'))} has one"


def _actions(statement: Mapping[str, Any]) -> list[Any]:
    return [*listed(statement.get("Action")), *listed(statement.get("NotAction"))]


RULES = (known_actions, exact_actions, exact_resources, no_exceptions, own_policies, no_lasting_keys)
