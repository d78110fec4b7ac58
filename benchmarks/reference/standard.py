"""The standard consumer: Powertools throughout, pydantic, boto3, one conditional write and one put_events a record."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.types import TypeSerializer
from pydantic import BaseModel, ConfigDict, Field

logger = Logger()
metrics = Metrics()
tracer = Tracer()
processor = BatchProcessor(event_type=EventType.SQS)
config = IdempotencyConfig(event_key_jmespath="order_id", raise_on_no_idempotency_key=True)
persistence = DynamoDBPersistenceLayer(table_name=os.environ["ONCE_TABLE"])
dynamodb = boto3.client("dynamodb")
events = boto3.client("events")
serializer = TypeSerializer()

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class OrderLine(BaseModel):
    """One article of an order."""

    model_config = ConfigDict(extra="forbid")
    sku: Name
    quantity: Annotated[int, Field(ge=1, le=10_000)]
    unit_price: Annotated[int, Field(ge=1, le=10**12)]


class PlaceOrder(BaseModel):
    """Place an order."""

    model_config = ConfigDict(extra="forbid")
    order_id: Name
    customer_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=50)]


@idempotent_function(data_keyword_argument="body", config=config, persistence_store=persistence)  # type: ignore[untyped-decorator]
def accept(body: dict[str, Any], correlation_id: str) -> dict[str, Any]:
    """Store the order and publish its acceptance."""
    order = parse(event=body, model=PlaceOrder)
    total = sum(line.quantity * line.unit_price for line in order.lines)
    accepted = order.model_dump() | {"total": total}
    dynamodb.put_item(
        TableName=os.environ["TABLE_ORDERS"],
        Item={name: serializer.serialize(value) for name, value in accepted.items()},
        ConditionExpression="attribute_not_exists(order_id)",
    )
    envelope = {
        "id": str(uuid4()),
        "type": "OrderAccepted",
        "version": 1,
        "time": datetime.now(UTC).isoformat(),
        "source": "headrace.orders",
        "correlation_id": correlation_id,
        "data": accepted,
    }
    answer = events.put_events(
        Entries=[
            {
                "EventBusName": os.environ["BUS_NAME"],
                "Source": "headrace.orders",
                "DetailType": "OrderAccepted",
                "Detail": json.dumps(envelope),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise RuntimeError(answer["Entries"][0]["ErrorCode"])
    return {"order_id": order.order_id}


@tracer.capture_method(capture_response=False)
def record_handler(record: SQSRecord) -> None:
    """One record of the batch."""
    attribute = record.message_attributes["correlation_id"]
    correlation_id = (attribute and attribute.string_value) or record.message_id
    accept(body=record.json_body, correlation_id=correlation_id)
    metrics.add_metric(name="Processed", unit=MetricUnit.Count, value=1)
    logger.info("processed", message_id=record.message_id, correlation_id=correlation_id)


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """What Lambda calls."""
    config.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)
