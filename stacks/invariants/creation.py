"""Rules for deployments that fail, and are made again."""

from __future__ import annotations

import json
from collections.abc import Iterator

from stacks.invariants.access import LOGS, grants
from stacks.invariants.assembly import Assembly, Resource, last_word, listed, text
from stacks.invariants.rule import Finding, rule

ROLE, ACCOUNT = "AWS::IAM::Role", "AWS::ApiGateway::Account"


@rule(
    fix="Set DeletionPolicy to RetainExceptOnCreate.",
    source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html",
)
def left_behind(assembly: Assembly) -> Iterator[Finding]:
    """Nothing with a name of its own stays behind from a failed create, but what API Gateway writes all logs by."""
    # The account's setting must never point to a role that is gone, and neither has a name that anybody would want.
    accounts = assembly.of(ACCOUNT)
    roles = {assembly.target(each, each.properties.get("CloudWatchRoleArn"), ROLE) for each in accounts}
    for resource in assembly:
        if resource.deletion == "Retain" and resource not in roles and resource.kind != ACCOUNT and _is_named(resource):
            yield resource, "its DeletionPolicy is Retain"


def _is_named(resource: Resource) -> bool:
    """Whether the template says what it is called, so that it stands in the way of the next of that name."""
    word = resource.kind.rpartition("::")[2]
    return resource.name is not None or bool({f"{word}Name", f"{word}Identifier"} & resource.properties.keys())


@rule(
    fix="Grant logs:CreateLogStream and logs:PutLogEvents on the log group of the templates.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html",
)
def log_group_remade(assembly: Assembly) -> Iterator[Finding]:
    """No function may make a log group, because its last line would make the one that was deleted before it again."""
    for holder, statement in grants(assembly):
        roles = [assembly.target(holder, role, ROLE) for role in holder.properties.get("Roles", [])]
        if any(_of_lambda(role) for role in roles or [holder]) and any(
            text(action) in ("logs:CreateLogGroup", "logs:*", "*") for action in listed(statement.get("Action"))
        ):
            yield holder, text(statement.get("Action"))
    for role in assembly.of(ROLE):
        managed = [text(each) for each in role.properties.get("ManagedPolicyArns", []) if last_word(each) in LOGS]
        if _of_lambda(role) and managed:
            yield role, ", ".join(managed)


def _of_lambda(role: Resource | None) -> bool:
    return role is not None and "lambda.amazonaws.com" in json.dumps(role.properties.get("AssumeRolePolicyDocument"))


RULES = (left_behind, log_group_remade)
