"""ApplyPayment, as a careful user does it."""

from __future__ import annotations

import os
from collections.abc import Iterable

import boto3
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from boto3.dynamodb.types import TypeSerializer
from msgspec import json

from benchmarks.reference.lean.shell import attribute, shell
from functions.apply_payment.logic import STEPS, outcome
from functions.contracts.contract import Event
from functions.contracts.payments import ApplyPayment

dynamodb = boto3.client("dynamodb")
serialize = TypeSerializer().serialize


def decode(record: SQSRecord) -> ApplyPayment:
    """The body, and the order id that is the group."""
    return ApplyPayment(order_id=record.attributes.message_group_id or "", **json.decode(record.body))


def handle(action: ApplyPayment, record: SQSRecord) -> Iterable[Event]:
    """One conditional write; what may not follow is declined."""
    step = STEPS[action.action]
    key = attribute(record, "idempotency_key") or action.digest()
    values = {":after": step.after, ":amount": action.amount, ":currency": action.currency, ":digest": action.digest()}
    allowed = "attribute_not_exists(#state)"
    if step.before is not None:
        allowed = "#state = :before AND amount >= :amount AND currency = :currency"
        values[":before"] = step.before
    try:
        dynamodb.update_item(
            TableName=os.environ["TABLE_PAYMENTS"],
            Key={"order_id": {"S": action.order_id}},
            UpdateExpression="SET #state = :after, amount = :amount, currency = :currency, #applied = :digest",
            ConditionExpression=f"attribute_not_exists(#applied) AND {allowed}",
            ExpressionAttributeNames={"#state": "state", "#applied": f"applied:{key}"},
            ExpressionAttributeValues={name: serialize(value) for name, value in values.items()},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        if f"applied:{key}" not in error.response.get("Item", {}):
            return [outcome(action, "not allowed")]
    return [outcome(action)]


handler = shell(handle, decode, fifo=True)
