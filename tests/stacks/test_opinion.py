"""Another list of IAM's actions agrees with every policy, but for what somebody has judged."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.stacks.opinion import JUDGED, findings
from tests.stacks.templates import KINDS, Templates


@pytest.mark.parametrize("stage", ["local", "dev", *KINDS])
def test_actions_resources_and_conditions_fit_together(stage: str, request: pytest.FixtureRequest) -> None:
    assert findings(request.getfixturevalue(stage)) - JUDGED.keys() == set()


def changed(prod: Templates, **changes: Any) -> Templates:
    """The templates with the first statement of every role's own policy changed."""
    stacks = copy.deepcopy(dict(prod.stacks))
    templates = Templates(prod.folder, prod.stage, stacks)
    for properties in templates.properties("AWS::IAM::Policy"):
        properties["PolicyDocument"]["Statement"][0].update(changes)
    return templates


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Action": "dynamodb:PuttItem"}, "dynamodb:PuttItem is unknown"),
        ({"Action": "sqs:SendMessage", "Resource": "arn:aws:sns:a:1:b"}, "sqs:SendMessage on arn:aws:sns:a:1:b"),
        ({"Action": "sqs:SendMessage", "Resource": "*"}, "sqs:SendMessage on *"),
        ({"Action": "logs:DescribeLogGroups", "Resource": "arn:aws:logs:a:1:log-group:*"}, "logs:DescribeLogGroups on"),
        ({"Action": "sqs:SendMessage", "Condition": {"StringEquals": {"sqs:Queue": "a"}}}, "sqs:SendMessage under"),
    ],
)
def test_what_does_not_fit_is_found(prod: Templates, changes: dict[str, Any], said: str) -> None:
    assert any(found.startswith(said) for found in findings(changed(prod, **changes)))
