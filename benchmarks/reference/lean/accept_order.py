"""PlaceOrder, as a careful user does it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

import boto3
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from boto3.dynamodb.types import TypeSerializer
from msgspec import to_builtins

from benchmarks.reference.lean.shell import attribute, command, shell
from functions.accept_order.logic import accept
from functions.contracts.contract import Event
from functions.contracts.orders import PlaceOrder

dynamodb = boto3.client("dynamodb")
serialize = TypeSerializer().serialize


def handle(order: PlaceOrder, record: SQSRecord) -> Iterable[Event]:
    """The claim of the key, where there is one, then the order."""
    accepted = accept(order)
    digest = order.digest()
    if key := attribute(record, "idempotency_key"):
        dynamodb.put_item(
            TableName=os.environ["TABLE_KEYS"],
            Item={
                "key": {"S": key},
                "digest": {"S": digest},
                "expires_at": {"N": str(int(time.time()) + 22 * 86_400)},
            },
            ConditionExpression="attribute_not_exists(#key) OR digest = :digest",
            ExpressionAttributeNames={"#key": "key"},
            ExpressionAttributeValues={":digest": {"S": digest}},
        )
    item = to_builtins(accepted) | {"digest": digest}
    try:
        dynamodb.put_item(
            TableName=os.environ["TABLE_ORDERS"],
            Item={name: serialize(value) for name, value in item.items()},
            ConditionExpression="attribute_not_exists(order_id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        if error.response["Item"]["digest"]["S"] != digest:
            raise
    return [accepted]


handler = shell(handle, command(PlaceOrder))
