"""What Lambda hands over is read whole, and what is odd in it counts as absent."""

from __future__ import annotations

from typing import Any

import pytest

from functions.runtime.record import Record

# https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
RAW: dict[str, Any] = {
    "messageId": "059f36b4",
    "receiptHandle": "AQEBwJnK",
    "body": "{}",
    "attributes": {
        "ApproximateReceiveCount": "3",
        "SentTimestamp": "1545082649183",
        "SequenceNumber": "18849496460467696128",
        "MessageGroupId": "tic-1",
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "MessageDeduplicationId": "1",
        "ApproximateFirstReceiveTimestamp": "1545082649185",
        "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
    },
    "messageAttributes": {
        name: {"stringValue": f"its {name}", "dataType": "String"}
        for name in (
            *("correlation_id", "idempotency_key", "tenant", "received_at", "redriven", "sender", "signature"),
            *("topic", "parked_as"),
        )
    },
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:headrace-prod-change_ticket.fifo",
    "awsRegion": "us-east-2",
}


def test_a_record_is_read_whole() -> None:
    record = Record.read(RAW)
    assert record == Record(
        id="059f36b4",
        receipt="AQEBwJnK",
        body="{}",
        queue="headrace-prod-change_ticket.fifo",
        attempt=3,
        sent=1545082649.183,
        group="tic-1",
        correlation_id="its correlation_id",
        idempotency_key="its idempotency_key",
        tenant="its tenant",
        trace="Root=1-5759e988-bd862e3fe1be46a994272793",
        received_at="its received_at",
        redriven="its redriven",
        sender="its sender",
        signature="its signature",
        topic="its topic",
        sequence="18849496460467696128",
        parked_as="its parked_as",
    )
    assert record.fifo


def test_a_record_that_says_nothing_of_itself_is_a_first_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    bare = {name: RAW[name] for name in ("messageId", "receiptHandle", "body")}
    nothing: tuple[dict[str, Any], ...] = (
        {},
        {"attributes": None, "messageAttributes": None},
        {"attributes": {}, "messageAttributes": {}},
    )
    for more in nothing:
        record = Record.read(bare | more | {"eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:q"})
        assert record == Record(
            id="059f36b4",
            receipt="AQEBwJnK",
            body="{}",
            queue="q",
            attempt=1,
            sent=0,
            group=None,
            correlation_id="059f36b4",
            idempotency_key=None,
            tenant=None,
            trace=None,
        )
        assert not record.fifo
