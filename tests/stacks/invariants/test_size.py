"""How long a policy counts as: without spaces, and as long as its references may make it."""

from __future__ import annotations

import pytest

from stacks.invariants.size import length


@pytest.mark.parametrize(
    ("value", "characters"),
    [
        ({"Action": ["a", "b"]}, len('{"Action":["a","b"]}')),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, 122),
        ({"Fn::ImportValue": "other:Arn"}, 122),
        ({"Ref": "AWS::Partition"}, len('"aws-us-gov"')),
        ({"Fn::Join": [":", ["arn", {"Ref": "AWS::AccountId"}]]}, len('"arn:111111111111"')),
    ],
)
def test_a_reference_counts_as_what_it_may_come_to(value: object, characters: int) -> None:
    assert length(value) == characters
