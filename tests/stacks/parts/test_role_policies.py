"""Statements that are too long for one policy come in pieces, and each piece can be told by its id."""

from __future__ import annotations

from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam

from stacks.parts.role_policies import _pieces


def pieces(resources: int, sid: str | None) -> list[tuple[str | None, int]]:
    """The id and the number of resources of each piece of a statement with so many resources."""
    arns = [f"arn:aws:sqs:eu-west-1:123456789012:queue-{number:04}" for number in range(resources)]
    statement = iam.PolicyStatement(sid=sid, actions=["sqs:SendMessage"], resources=arns)
    return [(each.sid, len(each.resources)) for each in _pieces(Stack(App(), "S"), statement)]


def test_a_short_statement_stays_as_it_is() -> None:
    assert pieces(3, "Send") == [("Send", 3)]
    assert pieces(3, None) == [(None, 3)]


def test_a_long_one_is_cut_and_its_pieces_are_numbered() -> None:
    found = pieces(300, "Send")
    assert len(found) > 2
    assert [sid for sid, _ in found] == [f"Send{number}" for number in range(1, len(found) + 1)]
    assert sum(count for _, count in found) == 300
    assert {sid for sid, _ in pieces(300, None)} == {None}
