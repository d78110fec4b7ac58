"""What AWS lists of IAM, as it is asked here."""

from __future__ import annotations

import pytest

from stacks import actions


def test_whatever_a_function_may_do_with_a_table_is_an_action_on_a_table() -> None:
    for action in actions.ON_ITEMS:
        assert actions.fits(f"dynamodb:{action}", "arn:aws:dynamodb:eu-central-1:111122223333:table/things"), action


@pytest.mark.parametrize("operation", actions.IN_PARTS)
def test_an_operation_that_has_parts_is_no_action_and_its_parts_are(operation: str) -> None:
    assert not actions.exists(f"dynamodb:{operation}")
    assert set(actions.IN_PARTS[operation]) <= set(actions.ON_ITEMS)


def test_iam_sees_no_case_and_a_wildcard_stands_for_something_or_nothing() -> None:
    assert actions.exists("SQS:sendmessage")
    assert actions.exists("kms:ReEncrypt*")
    assert not actions.exists("sqs:Frobnicate*")
    assert not actions.exists("sqs:SendMessageBatch")
    assert not actions.exists("nobody:SendMessage")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqs:SendMesage", "sqs:sendmessage"),
        ("dynamo:PutItem", "dynamodb:PutItem"),
        ("s3:GetObjects", "s3:getobject"),
        ("nobody:Knows", None),
    ],
)
def test_the_nearest_action_is_named(written: str, meant: str | None) -> None:
    assert actions.nearest(written) == meant


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::uploads/in/*"),
        ("s3:ListBucket", "arn:aws-cn:s3:::uploads"),
        ("bedrock:InvokeModel", "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-v9:0"),
        ("sqs:SendMessage", "arn:aws:sqs:eu-central-1:111122223333:theirs"),
        ("ssm:GetParameter", "arn:aws:ssm:eu-central-1:111122223333:parameter/theirs/*"),
        ("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:111122223333:function:theirs"),
        ("kms:Decrypt", "arn:aws:kms:eu-central-1:111122223333:key/0b0f1b7c-52c8-4ed3-9d3b-1c0c5f5a1f11"),
        ("s3:ListAllMyBuckets", "*"),
        ("cloudwatch:GetMetricData", "*"),
    ],
)
def test_what_people_grant_fits(action: str, resource: str) -> None:
    assert actions.fits(action, resource)
    assert resource == "*" or not actions.names_nothing(action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::uploads"),
        ("s3:ListBucket", "arn:aws:s3:::uploads/in/*"),
        ("sqs:SendMessage", "arn:aws:sqs:eu-central-1:*:theirs"),
        ("sqs:SendMessage", "arn:aws:sns:eu-central-1:111122223333:theirs"),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::uploads"),
    ],
)
def test_what_would_allow_nothing_does_not_fit(action: str, resource: str) -> None:
    assert not actions.fits(action, resource)


@pytest.mark.parametrize("action", actions.RESOURCE_OPTIONAL)
def test_what_is_allowed_without_a_resource_may_name_one(action: str) -> None:
    assert actions.exists(action)
    assert actions.formats(action), "AWS knows no resource at all, so the table need not name it"
    assert actions.fits(action, "*")
    assert not actions.names_nothing(action, "*")


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::*/in/*"),
        ("bedrock:InvokeModel", "arn:aws:bedrock:*::foundation-model/*"),
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-central-1:111122223333:table/*"),
        ("bedrock:InvokeModel", "arn:aws:bedrock:eu-central-1::foundation-model/?nthropic*"),
    ],
)
def test_a_name_that_begins_with_a_wildcard_names_nothing(action: str, resource: str) -> None:
    assert actions.names_nothing(action, resource)
