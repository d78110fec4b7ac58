"""Rules for roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacks import actions
from stacks.invariants.assembly import Assembly, Resource, listed, statements, text
from stacks.invariants.conditions import is_foreign, is_unsourced, required
from stacks.invariants.rule import Finding, rule

KEY = "AWS::KMS::Key"
"""Its policy names all that it can do, for the account whose key it is, and is all that protects it."""

OF_ACCOUNT = {"aws:sourceaccount", "aws:sourcearn", "kms:calleraccount", "aws:principalorgid"}
IN_CONTEXT = "kms:encryptioncontext:"
"""What a key's policy binds a service to: an account, or the ARN of what is encrypted."""

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


@rule(
    fix="Condition the statement on aws:SourceAccount, aws:SourceArn or kms:CallerAccount, or name the principal.",
    source="https://docs.aws.amazon.com/kms/latest/developerguide/least-privilege.html",
)
def key_policy(assembly: Assembly) -> Iterator[Finding]:
    """No key lets a service or everyone do more than ask what it is without saying for which account or resource."""
    for key in assembly.of(KEY):
        for statement in statements(key.properties.get("KeyPolicy")):
            acts = [each for each in map(text, listed(statement.get("Action"))) if each != "kms:DescribeKey"]
            if statement.get("Effect") == "Allow" and acts and is_foreign(statement.get("Principal")):
                keys = required(statement)
                if not keys & OF_ACCOUNT and not any(each.startswith(IN_CONTEXT) for each in keys):
                    yield key, f"{text(statement['Principal'])} may {', '.join(acts)}"


@rule(
    fix="Condition the statement on aws:SourceArn and aws:SourceAccount, or name the principal.",
    source="https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html",
)
def topic_policy(assembly: Assembly) -> Iterator[Finding]:
    """No topic lets a service or everyone in without saying for which source and account."""
    for policy in assembly.of("AWS::SNS::TopicPolicy"):
        for statement in statements(policy.properties.get("PolicyDocument")):
            if is_unsourced(statement):
                yield policy, f"{text(statement.get('Principal'))} may {text(statement.get('Action'))}"


@rule(
    fix="Set SourceArn to the resource that invokes it, or name the principal.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html",
)
def invoked_from_here(assembly: Assembly) -> Iterator[Finding]:
    """No function lets a service or everyone invoke it without saying for which resource or account."""
    for permission in assembly.of("AWS::Lambda::Permission"):
        principal = text(permission.properties.get("Principal"))
        said = [text(permission.properties.get(name, "*")) for name in ("SourceArn", "SourceAccount")]
        if (principal == "*" or principal.endswith(".amazonaws.com")) and said == ["*", "*"]:
            yield permission, f"{principal} may invoke it for anybody"


RULES = (known_actions, exact_actions, exact_resources, key_policy, topic_policy, invoked_from_here)
