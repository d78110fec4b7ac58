"""What may not be granted is one sentence that says why, and what may be names the stack's own things."""

from __future__ import annotations

import pytest

from stacks import actions, names
from stacks.entry import Grant
from stacks.grants import filled, refusals

OURS = names.resource("{stage}", "")
TABLE = f"arn:aws:dynamodb:eu-central-1:111122223333:table/{names.PROJECT}"
SECRET = "arn:aws:secretsmanager:{region}:{account}:secret:"
READ = ("secretsmanager:GetSecretValue",)
BUCKET = "arn:aws:s3:::uploads/in/*"


def granted(*resources: str, of: tuple[str, ...] = ("s3:GetObject",)) -> Grant:
    return Grant(actions=of, resources=resources)


@pytest.mark.parametrize(
    ("grant", "sentence"),
    [
        (granted("*", of=()), "grant of nothing: it names no action; name some, or drop it."),
        (granted(), "grant of s3:GetObject: it names no resource; name some, or drop it."),
        (granted(BUCKET, of=("GetObject",)), "an action begins with its service, such as s3:GetObject"),
        (granted(BUCKET, of=("s3:Get*",)), "'s3:Get*': it stands for more than the code calls; list the actions"),
        (granted(BUCKET, of=("s3:GetObjekt",)), "IAM knows no such action; write s3:getobject."),
        (granted(BUCKET, of=("zzzzz:Get",)), "IAM knows no such action; correct it."),
        (granted("*"), "on '*': that is all there are; name the ones that it needs."),
        (granted("arn:aws:s3:::*/in/*"), "'arn:aws:s3:::*/in/*': that is all there are"),
        (granted("uploads"), "the action is not for that; name arn:{Partition}:s3:"),
        (granted("arn:aws:sqs:eu-central-1:111122223333:q"), "the action is not for that"),
        (granted("arn:aws:s3:::uploads"), "the action is not for that"),
        (granted("arn:aws:s3:::uploads-{colour}/*"), "nothing stands for {colour}; it may say {stage}, {partition}"),
        (granted("arn:aws:bedrock:eu-central-1:model/x", of=("bedrock:InvokeModel",)), "}::foundation-model/… or"),
        (granted("news", of=("sns:Publish",)), "{Account}:… or '*', alone."),
        (granted(f"{TABLE}-{{stage}}-parked", of=("dynamodb:GetItem",)), "own; write Access(table=…, actions=…) in"),
        (granted(f"{TABLE}-{names.STAGES[-1]}-parked", of=("dynamodb:DeleteTable",)), "that is this project's own"),
        (granted(f"{TABLE[:-2]}*", of=("dynamodb:GetItem",)), "that is this project's own; write Access"),
        (granted(f"{SECRET}{names.PROJECT}-{{stage}}-a-??????", of=READ), "own; name it in secrets instead."),
        (
            granted(f"arn:aws:events:eu-central-1:111122223333:event-bus/{OURS}events", of=("events:PutEvents",)),
            "that is this project's own; name the events in publishes instead.",
        ),
        (granted(f"{SECRET}crm-token", of=READ), f"to a name; write {SECRET}crm-token-??????."),
        (granted("arn:aws:iam::111122223333:user/x", of=("iam:CreateAccessKey",)), "not for a function to change"),
        (granted(BUCKET, of=("s3:ListAllMyBuckets",)), "AWS knows no resource for that action; write '*', alone."),
    ],
)
def test_what_makes_no_sense_is_one_sentence(grant: Grant, sentence: str) -> None:
    found = list(refusals([grant]))
    assert sentence in found[0]
    assert all(each.startswith("grant o") and each.endswith(".") and "\n" not in each for each in found)


@pytest.mark.parametrize(
    "grant",
    [
        granted("arn:{partition}:s3:::uploads-{stage}/in/*", BUCKET, of=("s3:GetObject", "s3:PutObject")),
        granted("arn:aws:sqs:{region}:{account}:theirs-{stage}", of=("sqs:SendMessage",)),
        granted("*", of=("s3:ListAllMyBuckets",)),
        granted("*", of=("cloudwatch:PutMetricData",)),
        granted("*", of=("translate:TranslateText", "polly:SynthesizeSpeech", "sns:Publish")),
        granted("arn:{partition}:bedrock:*::foundation-model/some.model-v1:0", of=("bedrock:InvokeModel",)),
        granted("arn:{partition}:bedrock:::foundation-model/some.model-v1:0", of=("bedrock:InvokeModel",)),
        granted(f"{SECRET}crm-token-??????", of=READ),
        granted(f"{SECRET}crm-token-a1B2c3", f"{SECRET}crm/*", of=READ),
        granted("arn:aws:iam::111122223333:role/runs-tasks", of=("iam:PassRole",)),
        granted("arn:aws:dynamodb:eu-central-1:111122223333:table/theirs/index/by-mail", of=("dynamodb:Query",)),
    ],
)
def test_what_makes_sense_is_taken(grant: Grant) -> None:
    assert list(refusals([grant])) == []


def test_a_resource_is_that_of_the_stack() -> None:
    here = {"stage": "dev", "partition": "aws-cn", "region": "cn-north-1", "account": "111122223333"}
    assert filled("arn:{partition}:sqs:{region}:{account}:q-{stage}", **here) == (
        "arn:aws-cn:sqs:cn-north-1:111122223333:q-dev"
    )


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ("PuttItem", "'PuttItem' is no action of IAM's on a table's items; write PutItem."),
        ("dynamodb:PutItem", "'dynamodb:PutItem' is no action of IAM's on a table's items; write PutItem."),
        ("Frobnicate", "'Frobnicate' is no action of IAM's on a table's items; choose of BatchGetItem, "),
        ("BatchExecuteStatement", "is no action, its parts are; write those that are needed of PartiQLSelect, "),
        ("TransactWriteItems", "is no action, its parts are; write those that are needed of ConditionCheckItem, "),
    ],
)
def test_a_wrong_action_on_a_table_is_one_sentence_with_the_right_one(action: str, sentence: str) -> None:
    (found,) = actions.refusals([action])
    assert sentence in found
