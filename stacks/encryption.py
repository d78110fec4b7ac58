"""What everything at rest is encrypted with, in a stage that wants a key of its own."""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks import names
from stacks.parts.retention import KEPT
from stacks.parts.stage_stack import StageStack
from stacks.settings import Settings, SettingsError

USE = ("kms:GenerateDataKey", "kms:Decrypt")
"""What a service does with the key: make a data key to write, open it to read."""


def check(settings: Settings, region: str | None) -> None:
    """Raise `SettingsError` if the key is of another region than the stage's, where that is known already.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html
    """
    of_key = settings.key_arn.split(":")[3] if settings.key_arn else None
    if region is not None and of_key not in (None, region):
        raise SettingsError(
            f"cdk.json, stage {settings.stage!r}: customer_key: the key is in {of_key}, and queues take a key of their "
            f"own region only, which is {region}; name one of there."
        )


class Encryption(StageStack):
    """A customer key, yearly rotated, and a grant to every service that writes or reads on our behalf.

    Functions and API Gateway get theirs through their roles. The key outlives its stack: without it all is lost.
    """

    def __init__(self, scope: Construct, *, settings: Settings) -> None:
        super().__init__(scope, "encryption", settings=settings, description="The key of the stage.")
        self.key = kms.Key(
            self,
            "Key",
            alias=names.resource(settings.stage, "key"),
            description=f"Queues, events, tables, alarms and logs of {names.PROJECT} {settings.stage}.",
            enable_key_rotation=True,
            removal_policy=KEPT,
        )
        for statement in _grants(self, settings.stage):
            self.key.add_to_resource_policy(statement)


def _grants(stack: Stack, stage: str) -> list[iam.PolicyStatement]:
    ours = {"StringEquals": {"aws:SourceAccount": stack.account}}
    log_groups = [
        stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"/aws/{service}/{names.resource(stage, '*')}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        for service in ("lambda", "apigateway")
    ]
    return [
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html and, for the archive,
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/encryption-archives.html. The same grant lets rules
        # send to queues: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
        _service("EventBridgeFindsTheKey", "events.amazonaws.com", ("kms:DescribeKey",)),
        _service("EventBridgeUsesTheKey", "events.amazonaws.com", (*USE, "kms:ReEncrypt*"), ours),
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        _service("AlarmsUseTheKey", "cloudwatch.amazonaws.com", USE, ours),
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        _service(
            "LogsUseTheKey",
            f"logs.{stack.region}.amazonaws.com",
            (*USE, "kms:Encrypt", "kms:ReEncrypt*", "kms:DescribeKey"),
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
        ),
        # Whoever may use a table may use its key, through DynamoDB only.
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        iam.PolicyStatement(
            sid="TablesUseTheKey",
            principals=[iam.AnyPrincipal()],
            actions=[*USE, "kms:Encrypt", "kms:ReEncrypt*", "kms:DescribeKey", "kms:CreateGrant"],
            resources=["*"],
            conditions={
                "StringEquals": {
                    "kms:CallerAccount": stack.account,
                    "kms:ViaService": f"dynamodb.{stack.region}.amazonaws.com",
                }
            },
        ),
    ]


def _service(
    sid: str, principal: str, actions: tuple[str, ...], conditions: dict[str, Any] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(principal)],
        actions=list(actions),
        resources=["*"],
        conditions=conditions,
    )
