"""The batches that the benchmark feeds to each consumer, as Lambda hands them over; no two records are alike."""

from __future__ import annotations

import hmac
import itertools
import json
import os
import time
from collections.abc import Callable
from typing import Any

SECRET = "benchmark"  # noqa: S105 - signs what nobody believes
"""The secret of every webhook here."""
REGION = "eu-central-1"
LINES = [
    {"sku": "tea-500g", "quantity": 2, "unit_price": 450},
    {"sku": "cup-blue", "quantity": 1, "unit_price": 990},
]
_numbers = itertools.count()

Record = dict[str, Any]


def batch(consumer: str, size: int, *, keyed: bool = False) -> dict[str, Any]:
    """An event of `size` records for that consumer; `keyed` ones have an idempotency key each."""
    return {"Records": [_record(consumer, f"{os.getpid()}-{next(_numbers)}", keyed=keyed) for _ in range(size)]}


def _record(consumer: str, name: str, *, keyed: bool) -> Record:
    body, attributes = MADE[consumer](name)
    attributes |= {"correlation_id": f"corr-{name}"} | ({"idempotency_key": f"key-{name}"} if keyed else {})
    now = str(int(time.time() * 1000))
    fifo = consumer == "apply_payment"
    system = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": now,
        "SenderId": "AIDAEXAMPLE",
        "ApproximateFirstReceiveTimestamp": now,
    }
    if fifo:
        system |= {"MessageGroupId": f"ord-{name}", "MessageDeduplicationId": name, "SequenceNumber": "1"}
    return {
        "messageId": name,
        "receiptHandle": f"receipt-{name}",
        "body": body,
        "attributes": system,
        "messageAttributes": {
            key: {"stringValue": value, "dataType": "String", "stringListValues": [], "binaryListValues": []}
            for key, value in attributes.items()
        },
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:000000000000:headrace-dev-{consumer}{'.fifo' if fifo else ''}",
        "awsRegion": REGION,
    }


def _order(name: str) -> Record:
    return {"order_id": f"ord-{name}", "customer_email": "ada@example.com", "currency": "EUR", "lines": LINES}


def _fact(kind: str, source: str, name: str, data: Record) -> tuple[str, dict[str, str]]:
    envelope = {
        "id": f"event-{name}",
        "type": kind,
        "version": 1,
        "time": "2026-11-21T10:00:00.000+00:00",
        "source": f"headrace.{source}",
        "correlation_id": f"corr-{name}",
        "causation_id": f"cause-{name}",
        "data": data,
    }
    body = {
        "version": "0",
        "id": f"delivery-{name}",
        "detail-type": kind,
        "source": envelope["source"],
        "account": "000000000000",
        "time": "2026-11-21T10:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": envelope,
    }
    return json.dumps(body), {}


def _accepted(name: str) -> tuple[str, dict[str, str]]:
    return _fact("OrderAccepted", "orders", name, _order(name) | {"total": 1890})


def _payment(name: str) -> tuple[str, dict[str, str]]:
    body = json.dumps({"action": "authorize", "amount": 1890, "currency": "EUR"})
    return body, {"idempotency_key": f"pay-{name}"}


def _delivery(name: str) -> tuple[str, dict[str, str]]:
    body = json.dumps({"action": "opened", "number": name})
    signature = hmac.digest(SECRET.encode(), body.encode(), "sha256").hex()
    return body, {"sender": "github", "topic": "pull_request", "signature": f"github sha256={signature}"}


MADE: dict[str, Callable[[str], tuple[str, dict[str, str]]]] = {
    "accept_order": lambda name: (json.dumps(_order(name)), {}),
    "apply_payment": _payment,
    "confirm_order": _accepted,
    "receive_webhook": _delivery,
    "reserve_stock": _accepted,
}
"""By consumer the body and the message attributes of a record of that name."""
