"""The sample's stacks without one action of one role, to see which test misses it."""

from __future__ import annotations

import os
from typing import Any

import jsii
from aws_cdk import App, Aspects, IAspect
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

WITHOUT = "SAMPLE_WITHOUT"
"""The environment variable that names a role, by its function or its own name, and an action of it."""


@jsii.implements(IAspect)
class _Taken:
    """Takes the action out of every statement of the role's policy."""

    def __init__(self, role: str, action: str) -> None:
        self._role = role
        self._action = action

    def visit(self, node: IConstruct) -> None:
        """Change a policy of the role."""
        if isinstance(node, iam.CfnPolicy) and self._role in _names(node):
            node.policy_document = _less(node.stack.resolve(node.policy_document), self._action)


def _names(policy: iam.CfnPolicy) -> set[str]:
    """The names of the functions and roles that have the policy: those that stand around it."""
    found: set[str] = set()
    around = policy.node.scope
    while around is not None and around.node.scope is not None:
        for child in around.node.find_all():
            if isinstance(child, lambda_.CfnFunction) and child.function_name:
                found.add(child.function_name)
            if isinstance(child, iam.CfnRole) and child.role_name:
                found.add(child.role_name)
        if found:
            return found
        around = around.node.scope
    return found


def _less(document: Any, action: str) -> Any:
    statements = [
        statement | {"Action": left}
        for statement in document["Statement"]
        if (left := [each for each in _listed(statement["Action"]) if each != action])
    ]
    return document | {"Statement": statements}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def take(app: App) -> None:
    """Take away what the environment says, if it says something."""
    said = os.environ.get(WITHOUT)
    if said:
        Aspects.of(app).add(_Taken(*said.split()))
