"""A webhook whose signature is checked, as a careful user does it."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from functools import cache

import boto3
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from msgspec import Raw

from benchmarks.reference.lean.shell import attribute, shell
from functions.contracts.contract import Event
from functions.contracts.webhooks import ReceiveWebhook
from functions.receive_webhook.logic import fact

secrets = boto3.client("secretsmanager")


@cache
def secret() -> bytes:
    """The sender's secret, read once."""
    answer = secrets.get_secret_value(SecretId=os.environ["SECRET_GITHUB_WEBHOOK"])
    return str(answer["SecretString"]).encode()


def decode(record: SQSRecord) -> ReceiveWebhook:
    """The delivery, once its signature is right. Raises ValueError if it is not."""
    signature = (attribute(record, "signature") or "").removeprefix("github sha256=")
    if not hmac.compare_digest(hmac.digest(secret(), record.body.encode(), "sha256").hex(), signature):
        raise ValueError("The signature is wrong.")
    return ReceiveWebhook(sender="github", payload=Raw(record.body.encode()), topic=attribute(record, "topic"))


def handle(delivery: ReceiveWebhook, record: SQSRecord) -> Iterable[Event]:
    """What was received."""
    return [fact(delivery)]


handler = shell(handle, decode)
