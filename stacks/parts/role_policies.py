"""The policies of a role that may do much: one as long as it fits, else as many as it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.invariants.size import INLINE, MANAGED, length

HEAD = 50
"""Characters of a policy that has no statement."""


def add_policies(role: iam.Role, statements: Iterable[iam.PolicyStatement]) -> None:
    """Allow the role those statements: inline if they fit there, else by managed policies.

    The CDK splits a long policy, too, but measures references instead of what becomes of them.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    allowed = list(statements)
    if HEAD + sum(_length(role, statement) for statement in allowed) <= INLINE:
        for statement in allowed:
            role.add_to_principal_policy(statement)
        return
    for number, part in enumerate(_packed(role, allowed), start=1):
        iam.ManagedPolicy(role, f"Policy{number}", roles=[role], statements=part)


def _packed(scope: Construct, statements: Sequence[iam.PolicyStatement]) -> list[list[iam.PolicyStatement]]:
    """The statements in as few policies as each finding the first with room for it makes."""
    parts: list[list[iam.PolicyStatement]] = []
    room: list[int] = []
    for statement in (piece for each in statements for piece in _pieces(scope, each)):
        size = _length(scope, statement)
        place = next((index for index, left in enumerate(room) if left >= size), None)
        if place is None:
            parts.append([])
            room.append(MANAGED - HEAD)
            place = -1
        parts[place].append(statement)
        room[place] -= size
    return parts


def _pieces(scope: Construct, statement: iam.PolicyStatement) -> Iterator[iam.PolicyStatement]:
    """The statement in pieces of which three fit into a policy."""
    resources = statement.resources
    count = 1 + 3 * _length(scope, statement) // MANAGED
    share = -(-len(resources) // count)
    for number, start in enumerate(range(0, len(resources), share), start=1):
        sid = statement.sid if count == 1 or statement.sid is None else f"{statement.sid}{number}"
        yield statement.copy(sid=sid, resources=resources[start : start + share])


def _length(scope: Construct, statement: iam.PolicyStatement) -> int:
    return 1 + length(Stack.of(scope).resolve(statement.to_statement_json()))
