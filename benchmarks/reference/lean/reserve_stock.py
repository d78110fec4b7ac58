"""The reservation of every line of an order, as a careful user does it: one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterable

import boto3
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from benchmarks.reference.lean.shell import fact, shell
from functions.contracts.contract import Event
from functions.contracts.orders import OrderAccepted
from functions.reserve_stock.logic import outcome, quantities

dynamodb = boto3.client("dynamodb")


def handle(order: OrderAccepted, record: SQSRecord) -> Iterable[Event]:
    """All or nothing; a reservation that is there stays."""
    wanted = quantities(order.lines)
    reservation = {
        "Put": {
            "TableName": os.environ["TABLE_RESERVATIONS"],
            "Item": {"order_id": {"S": order.order_id}},
            "ConditionExpression": "attribute_not_exists(order_id)",
        }
    }
    takes = [
        {
            "Update": {
                "TableName": os.environ["TABLE_STOCK"],
                "Key": {"sku": {"S": sku}},
                "UpdateExpression": "SET available = available - :quantity",
                "ConditionExpression": "available >= :quantity",
                "ExpressionAttributeValues": {":quantity": {"N": str(quantity)}},
            }
        }
        for sku, quantity in wanted.items()
    ]
    try:
        dynamodb.transact_write_items(TransactItems=[reservation, *takes])
    except dynamodb.exceptions.TransactionCanceledException as error:
        there, *left = error.response["CancellationReasons"]
        if there["Code"] == "None":
            short = [sku for sku, why in zip(wanted, left, strict=True) if why["Code"] == "ConditionalCheckFailed"]
            if not short:
                raise
            return [outcome(order.order_id, short)]
    return [outcome(order.order_id, ())]


handler = shell(handle, fact(OrderAccepted))
