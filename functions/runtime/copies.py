"""Messages that wait longer than a worker can: each is sent again as a copy, which SQS delays, and is done with that.

A message of a standard queue that was hidden for as long would spend its receives, and its retention, on waiting; a
copy begins anew. It has the body byte for byte, all attributes, the group that shares a queue fairly, and the trace.
One more attribute, `waited`, says which message it was at first, and that is its identity.

A copy is sent before the message is reported as done. Who dies in between leaves both, which are one effect, as when
SQS delivers a message twice. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.contracts.envelope import WAITED
from functions.contracts.environment import LONGEST_DELAY
from functions.contracts.waited import Waited
from functions.runtime.chunks import MESSAGES_BYTES, chunks, message_size
from functions.runtime.clients import client
from functions.runtime.errors import Limited
from functions.runtime.log import log
from functions.runtime.outcome import Failure
from functions.runtime.record import Record

MOST_ATTRIBUTES = 10
"""Attributes of a message.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html"""
Raw = Mapping[str, Any]


def send(failures: Sequence[Failure], raw: Mapping[str, Raw], queue_url: str) -> set[str]:
    """Send a copy of each record that waits; the ids of those that were sent. A failure is logged.

    `raw` are the records as Lambda handed them over, by id.
    """
    pairs = ((failure, _entry(failure, raw[failure.record.id])) for failure in failures)
    entries = {failure.record.id: entry for failure, entry in pairs if entry is not None}
    sent: set[str] = set()
    for ids in chunks(entries, MESSAGES_BYTES, lambda id_: message_size(entries[id_])):
        asked = [{"Id": str(position), **entries[id_]} for position, id_ in enumerate(ids)]
        try:
            answer = client("sqs").send_message_batch(QueueUrl=queue_url, Entries=asked)
        except (ClientError, BotoCoreError) as error:
            log("WARNING", "copies of waiting messages not sent", error=str(error))
            continue
        for failed in answer.get("Failed", []):
            log("WARNING", "copy not sent", error=failed.get("Message"), code=failed.get("Code"))
        sent |= {ids[int(done["Id"])] for done in answer.get("Successful", [])}
    return sent


def _entry(failure: Failure, raw: Raw) -> dict[str, Any] | None:
    """The copy, delayed until a moment before its slot; None if there is no room for one more attribute."""
    record, error = failure.record, failure.error
    assert isinstance(error, Limited)
    attributes = {name: _attribute(value) for name, value in (raw.get("messageAttributes") or {}).items()}
    waited = Waited(
        origin=record.origin,
        first_sent=round(record.first_sent * 1000),
        sent=round(time.time() * 1000),
        attempts=record.attempt - 1,
        looks=record.waited.looks + 1 if record.waited and not error.kept else int(not error.kept),
        limit=error.kept,
        slot=error.slot,
        failed=_first_failed_as(record),
    )
    attributes[WAITED] = {"DataType": "String", "StringValue": waited.text()}
    if len(attributes) > MOST_ATTRIBUTES:
        return None
    system = raw.get("attributes") or {}
    entry: dict[str, Any] = {
        "MessageBody": record.body,
        "DelaySeconds": max(0, min(math.floor(error.delay), LONGEST_DELAY)),
        "MessageAttributes": attributes,
    }
    if record.group:
        entry["MessageGroupId"] = record.group
    if trace := system.get("AWSTraceHeader"):
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    return entry


def _first_failed_as(record: Record) -> str:
    """The id that the message had when it failed first, under which that is recorded; empty if it never failed."""
    before = record.waited
    if before and before.failed:
        return str(before.failed)
    return record.id if record.attempt - 1 > (before.attempts if before else 0) else ""


def _attribute(value: Raw) -> dict[str, Any]:
    """An attribute as it is sent, from what Lambda says of it: bytes are base64 there, and bytes here."""
    sent: dict[str, Any] = {"DataType": value["dataType"]}
    if value.get("binaryValue") is not None:
        import base64

        return {**sent, "BinaryValue": base64.b64decode(value["binaryValue"])}
    return {**sent, "StringValue": value.get("stringValue")}
