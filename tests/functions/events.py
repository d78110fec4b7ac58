"""SQS batches as Lambda hands them over, made from contracts."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import msgspec

from functions.contracts.contract import Command, Event
from functions.contracts.envelope import REPLAYED, Envelope
from functions.contracts.key import scoped
from functions.contracts.path import path_field

ACCOUNT = "000000000000"


def record(
    body: Command | str,
    *,
    message_id: str | None = None,
    attempt: int = 1,
    queue: str | None = None,
    group: str | None = None,
    sent: float | None = None,
    **attributes: str,
) -> dict[str, Any]:
    """A record; `attributes` are message attributes such as `idempotency_key`.

    The value that a command has from the path is the group of a FIFO queue, as the API makes it.
    """
    path = path_field(type(body)) if isinstance(body, Command) else None
    if path and group is None:
        group = scoped(attributes.get("tenant"), getattr(body, path.name))
    queue = queue or ("test-queue.fifo" if path else "test-queue")
    system = {"ApproximateReceiveCount": str(attempt), "SentTimestamp": str(int((sent or time.time()) * 1000))}
    if group:
        system["MessageGroupId"] = group
    message_id = message_id or str(uuid4())
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt-{message_id}-{attempt}",
        "body": body if isinstance(body, str) else msgspec.json.encode(body.body()).decode(),
        "attributes": system,
        "messageAttributes": {
            name: {"stringValue": value, "dataType": "String", "stringListValues": [], "binaryListValues": []}
            for name, value in attributes.items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:{queue}",
        "awsRegion": "eu-central-1",
    }


def delivered(
    event: Event,
    *,
    event_id: str = "event-1",
    version: int | None = None,
    tenant: str | None = None,
    replayed: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A record that holds `event` as EventBridge puts it on a queue, of its own or in a replay.

    `changes` are `record`'s.
    """
    envelope = Envelope(
        id=event_id,
        type=type(event).__name__,
        version=version or event.version,
        time="2026-11-21T10:00:00.000+00:00",
        source=event.source,
        correlation_id="corr-1",
        causation_id="cause-1",
        tenant=tenant,
        data=msgspec.Raw(msgspec.json.encode(event)),
    )
    body: dict[str, Any] = {"version": "0", "id": str(uuid4()), "detail-type": envelope.type, "source": event.source}
    body |= {"account": ACCOUNT, "time": "2026-11-21T10:00:00Z", "region": "eu-central-1", "resources": []}
    body |= {REPLAYED: replayed} if replayed is not None else {}
    return record(msgspec.json.encode(body | {"detail": envelope}).decode(), **changes)


def batch(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records)}


def failed(report: dict[str, list[dict[str, str]]]) -> list[str]:
    """The ids that a report returns to the queue."""
    return [entry["itemIdentifier"] for entry in report["batchItemFailures"]]
