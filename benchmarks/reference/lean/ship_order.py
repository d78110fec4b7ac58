"""Whichever fact comes second ships the order, as a careful user does it."""

from __future__ import annotations

import os
from collections.abc import Iterable

import boto3
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from benchmarks.reference.lean.shell import fact, shell
from functions.contracts.contract import Event
from functions.contracts.payments import PaymentCaptured
from functions.contracts.shipping import OrderShipped
from functions.contracts.stock import StockReserved
from functions.ship_order.logic import FACTS, completes

dynamodb = boto3.client("dynamodb")


def handle(event: StockReserved | PaymentCaptured, record: SQSRecord) -> Iterable[Event]:
    """Note the fact in one write that tells whether it was the missing one."""
    name = type(event).__name__
    shipment = dynamodb.update_item(
        TableName=os.environ["TABLE_SHIPMENTS"],
        Key={"order_id": {"S": event.order_id}},
        UpdateExpression="SET #fact = if_not_exists(#fact, :cause), #first = if_not_exists(#first, :cause)",
        ExpressionAttributeNames={"#fact": name, "#first": "first"},
        ExpressionAttributeValues={":cause": {"S": record.message_id}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    seen = {each: shipment[each]["S"] for each in FACTS if each in shipment}
    shipped = completes(name, record.message_id, seen, shipment["first"]["S"])
    return [OrderShipped(order_id=event.order_id)] if shipped else []


handler = shell(handle, fact(StockReserved, PaymentCaptured))
