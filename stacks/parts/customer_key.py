"""The stage's own key, where it has one; without it the services encrypt with keys that they keep for us."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.settings import Settings


def customer_key(scope: Construct, settings: Settings, id_: str = "Key") -> kms.IKey | None:
    """The key as a resource takes it; its policy is `stacks.encryption`'s business."""
    return kms.Key.from_key_arn(scope, id_, settings.key_arn) if settings.key_arn else None


def of_queue(key: kms.IKey | None) -> dict[str, Any]:
    """How a queue is encrypted. Never with `alias/aws/sqs`: nobody can let EventBridge use that key."""
    if key is None:
        return {"encryption": sqs.QueueEncryption.SQS_MANAGED}
    return {"encryption": sqs.QueueEncryption.KMS, "encryption_master_key": key}


def key_grant(
    settings: Settings, *actions: str, former: tuple[str, ...] = ("kms:Decrypt",)
) -> list[iam.PolicyStatement]:
    """The statements that let a role use the key, and `former` with keys before it, as far as there are any.

    `kms:Decrypt` to receive, both to send; what was sealed with a former key is received until the queue is empty.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """
    keys = [settings.key_arn] if settings.key_arn else []
    granted = ((actions, keys), (former, list(settings.former_keys)))
    return [iam.PolicyStatement(actions=list(each), resources=arns) for each, arns in granted if arns]
