"""The careful user's consumer: Powertools' batch and tracer, one log line a record, events published by ten.

With THREADS in the environment the records of a standard queue are handled by so many threads at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

import boto3
import msgspec
from aws_lambda_powertools import Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, SqsFifoPartialProcessor
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from functions.contracts.contract import Event
from functions.contracts.envelope import Envelope

Handle = Callable[[Any, SQSRecord], Iterable[Event]]
Entry = dict[str, str]

tracer = Tracer()
events = boto3.client("events")
threads = int(os.environ.get("THREADS", "0"))


def attribute(record: SQSRecord, name: str) -> str | None:
    """A message attribute's text."""
    found = record.message_attributes[name] if name in record.message_attributes else None  # noqa: SIM401 - get() is raw
    return found.string_value if found else None


def shell(handle: Handle, decode: Callable[[SQSRecord], Any], *, fifo: bool = False) -> Callable[[Any, Any], Any]:
    """A Lambda handler that calls `handle` with each record's contract, and publishes what it returns."""
    processor = SqsFifoPartialProcessor() if fifo else BatchProcessor(event_type=EventType.SQS)

    @tracer.capture_method(capture_response=False)
    def one(record: SQSRecord) -> list[Entry]:
        made = [_entry(event, index, record) for index, event in enumerate(handle(decode(record), record))]
        print(json.dumps({"level": "INFO", "message": "processed", "message_id": record.message_id}))
        return made

    @tracer.capture_lambda_handler(capture_response=False)
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        failed = _together(event, one, threads) if threads and not fifo else _in_turn(event, one, processor, context)
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed]}

    return cast("Callable[[Any, Any], Any]", handler)


def _in_turn(event: dict[str, Any], one: Callable[[SQSRecord], list[Entry]], processor: Any, context: Any) -> list[str]:
    with processor(event["Records"], one, lambda_context=context):
        done = processor.process()
    made = {record["messageId"]: entries for status, entries, record in done if status == "success"}
    failed = [item["itemIdentifier"] for item in processor.response()["batchItemFailures"]]
    return failed + _published(made)


def _together(event: dict[str, Any], one: Callable[[SQSRecord], list[Entry]], workers: int) -> list[str]:
    records = [SQSRecord(record) for record in event["Records"]]
    made: dict[str, list[Entry]] = {}
    failed: list[str] = []
    with ThreadPoolExecutor(workers) as pool:
        for record, future in [(record, pool.submit(one, record)) for record in records]:
            try:
                made[record.message_id] = future.result()
            except Exception as error:
                print(json.dumps({"level": "ERROR", "message": str(error), "message_id": record.message_id}))
                failed.append(record.message_id)
    return failed + _published(made)


def _published(made: dict[str, list[Entry]]) -> list[str]:
    """The records whose events were not taken."""
    pending = [(id_, entry) for id_, entries in made.items() for entry in entries]
    failed = []
    for start in range(0, len(pending), 10):
        chunk = pending[start : start + 10]
        answer = events.put_events(Entries=[entry for _, entry in chunk])
        failed += [id_ for (id_, _), said in zip(chunk, answer["Entries"], strict=True) if "ErrorCode" in said]
    return failed


def _entry(event: Event, index: int, record: SQSRecord) -> Entry:
    name = type(event).__name__
    envelope = Envelope(
        id=str(uuid5(NAMESPACE_URL, f"{record.message_id}/{name}/{index}")),
        type=name,
        version=event.version,
        time=datetime.now(UTC).isoformat(),
        source=f"headrace.{event.source}",
        correlation_id=attribute(record, "correlation_id") or record.message_id,
        causation_id=record.message_id,
        data=msgspec.Raw(msgspec.json.encode(event)),
    )
    detail = msgspec.json.encode(envelope).decode()
    return {
        "EventBusName": os.environ["BUS_NAME"],
        "Source": envelope.source,
        "DetailType": name,
        "Detail": detail,
    }


def command(kind: type[Any]) -> Callable[[SQSRecord], Any]:
    """Decodes a body that is a command."""
    decoder = msgspec.json.Decoder(kind)
    return lambda record: decoder.decode(record.body)


class _Delivery(msgspec.Struct):
    detail: Envelope


def fact(*kinds: type[Any]) -> Callable[[SQSRecord], Any]:
    """Decodes a body that EventBridge made of an event of one of these kinds."""
    delivery = msgspec.json.Decoder(_Delivery)
    decoders = {kind.__name__: msgspec.json.Decoder(kind) for kind in kinds}

    def decode(record: SQSRecord) -> Any:
        envelope = delivery.decode(record.body).detail
        return decoders[envelope.type].decode(envelope.data)

    return decode
