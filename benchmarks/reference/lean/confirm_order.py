"""The e-mail to the customer, once, as a careful user does it: by Powertools' idempotency."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import boto3
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

from benchmarks.reference.lean.shell import fact, shell
from functions.confirm_order.logic import confirmation
from functions.contracts.contract import Event
from functions.contracts.orders import OrderAccepted

dynamodb = boto3.client("dynamodb")
ses = boto3.client("sesv2")
config = IdempotencyConfig(event_key_jmespath="order_id", raise_on_no_idempotency_key=True)
layer = DynamoDBPersistenceLayer(table_name=os.environ["ONCE_TABLE"], boto3_client=dynamodb)


@idempotent_function(data_keyword_argument="letter", config=config, persistence_store=layer)  # type: ignore[untyped-decorator]
def send(letter: dict[str, Any]) -> None:
    """Send the confirmation."""
    ses.send_email(
        FromEmailAddress=os.environ["EMAIL_FROM"],
        Destination={"ToAddresses": [letter["to"]]},
        Content={
            "Simple": {
                "Subject": {"Data": letter["subject"], "Charset": "UTF-8"},
                "Body": {"Text": {"Data": letter["text"], "Charset": "UTF-8"}},
            }
        },
    )


def handle(order: OrderAccepted, record: SQSRecord) -> Iterable[Event]:
    """One e-mail an order."""
    letter = confirmation(order)
    send(letter={"order_id": order.order_id, "to": letter.to, "subject": letter.subject, "text": letter.text})
    return ()


handler = shell(handle, fact(OrderAccepted))
