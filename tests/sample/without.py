"""The sample's stacks without one action of one role, to see which test misses it."""

from __future__ import annotations

import os
from typing import Any

import jsii
from aws_cdk import App, Aspects, IAspect
from aws_cdk import aws_iam as iam
from constructs import IConstruct

WITHOUT = "SAMPLE_WITHOUT"
"""The environment variable that names a role, by its function or its own name, and an action of it."""


@jsii.implements(IAspect)
class Without:
    """Takes the action out of every statement of the role's policies."""

    def __init__(self, role: str, action: str) -> None:
        self._role = role
        self._action = action

    def visit(self, node: IConstruct) -> None:
        """Change a policy of the role."""
        if isinstance(node, iam.CfnPolicy) and _is_of(node, self._role):
            document = node.stack.resolve(node.policy_document)
            node.add_property_override("PolicyDocument.Statement", _less(document, self._action))
        elif isinstance(node, iam.CfnRole) and _place(node).endswith(f"-{self._role}"):
            for place, policy in enumerate(node.stack.resolve(node.policies) or ()):
                left = _less(policy["policyDocument"], self._action)
                node.add_property_override(f"Policies.{place}.PolicyDocument.Statement", left)


def _is_of(policy: iam.CfnPolicy, role: str) -> bool:
    """Whether the policy is that of the function, or of the named role, which stands in a stack of its name."""
    stack, *words = policy.node.path.split("/")
    return role == stack or any(role.endswith(f"-{word}") for word in words)


def _place(role: iam.CfnRole) -> str:
    """Where a role without a name stands: as `tests.permissions.granted` calls it, after project and stage."""
    return f"{role.stack.node.id}/{role.stack.resolve(role.logical_id)}"


def _less(document: Any, action: str) -> list[Any]:
    return [
        statement | {"Action": left}
        for statement in document["Statement"]
        if (left := [each for each in _listed(statement["Action"]) if each != action])
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def take(app: App) -> None:
    """Take away what the environment says, if it says something."""
    said = os.environ.get(WITHOUT)
    if said:
        Aspects.of(app).add(Without(*said.split()))
