"""Publishing the events of a whole batch: by ten and by size, only failed entries again, failures mapped back.

See https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid5

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Raw, Struct

from functions.contracts.contract import Event
from functions.contracts.envelope import Envelope, full_source
from functions.contracts.environment import variable
from functions.runtime import tracing
from functions.runtime.chunks import chunks
from functions.runtime.clients import client, replace
from functions.runtime.deadline import within
from functions.runtime.errors import OutOfTime, Reject, Retry, Unavailable
from functions.runtime.infrastructure import is_away
from functions.runtime.message import Message
from functions.runtime.settings import Settings, required
from functions.runtime.waiting import sleep

ATTEMPTS = 3
TIME_BYTES = 14
NAMESPACE = UUID("6f0b6a52-2f9e-5d0a-9a51-6f2c1f8a7b11")
# PutEventsResultEntry names these two as worth a retry; the rest say that the entry or the permission is wrong.
TRANSIENT = {"InternalFailure", "InternalException", "ThrottlingException"}
MALFORMED = {"MalformedDetail", "InvalidArgument"}

encode = msgspec.json.Encoder().encode


class Entry(Struct, frozen=True):
    """One event on its way: its id, the record it came of, what PutEvents takes, and its size in PutEvents' bytes."""

    id: str
    record: str
    entry: dict[str, str]
    size: int


def entry(event: Event, message: Message, index: int, settings: Settings) -> Entry:
    """The PutEvents entry of the `index`-th event of `message`.

    Raises `Reject` if it is no event, does not fit its contract, or is alone too large for EventBridge.
    """
    if not isinstance(event, Event):
        raise Reject(f"The handler made a {type(event).__name__}, which is not an Event; correct the handler.")
    name, source = type(event).__name__, full_source(event.source, settings.project)
    id_ = str(uuid5(NAMESPACE, f"{message.cause}/{name}/{index}"))
    detail = encode(
        Envelope(
            id=id_,
            type=name,
            version=event.version,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            source=source,
            correlation_id=message.correlation_id,
            causation_id=message.causation_id,
            tenant=message.tenant,
            data=Raw(event.fits()),
        )
    )
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
    size = TIME_BYTES + len(source) + len(name) + len(detail)
    if size > settings.put_events_bytes:
        raise Reject(f"{name} takes {size:,} bytes, of at most {settings.put_events_bytes:,}; make the event smaller.")
    fields = {"Source": source, "DetailType": name, "Detail": detail.decode()}
    return Entry(id_, message.id, fields | tracing.onward(message.trace), size)


def publish(entries: Sequence[Entry], settings: Settings, *, seconds: float) -> dict[str, BaseException]:
    """Publish `entries` within `seconds`, offering failed ones twice more.

    Returns the ids of the records of which an event could not be published, each with why.
    """
    if not entries:
        return {}
    bus = settings.bus_name or required(variable("bus_name"))
    end = time.monotonic() + seconds
    failed: dict[str, BaseException] = {}
    pending = list(entries)
    for attempt in range(1, ATTEMPTS + 1):
        again: list[tuple[Entry, str]] = []
        for chunk in chunks(pending, settings.put_events_bytes, attrgetter("size")):
            for item, problem in _put(chunk, bus, end - time.monotonic()):
                if isinstance(problem, BaseException):
                    failed[item.record] = problem
                else:
                    again.append((item, problem))
        if not again:
            break
        pause = 0.1 * 2**attempt
        if attempt == ATTEMPTS or time.monotonic() + pause >= end:
            for item, code in again:
                failed[item.record] = Unavailable(f"EventBridge did not take {item.entry['DetailType']}: {code}.")
            break
        sleep(pause)
        pending = [item for item, _ in again]
    return failed


def _put(chunk: Sequence[Entry], bus: str, seconds: float) -> Iterator[tuple[Entry, str | BaseException]]:
    # Yields the entries that failed, with the code of a transient failure or with what to fail the record with.
    end = time.monotonic() + seconds
    entries = [item.entry | {"EventBusName": bus} for item in chunk]
    try:
        answer: dict[str, Any] = within(seconds, partial(client("events").put_events, Entries=entries))
    except OutOfTime:
        replace()
        yield from ((item, Unavailable("The function's time ran out in PutEvents.")) for item in chunk)
        return
    except (ClientError, BotoCoreError) as error:
        records = dict.fromkeys(item.record for item in chunk)
        if len(records) > 1 and _denied(error):
            # One event that the map does not say denies the whole call: each record's own are offered alone.
            for record in records:
                yield from _put([item for item in chunk if item.record == record], bus, end - time.monotonic())
            return
        # botocore has retried the call already.
        failure = (Unavailable if is_away(error) else Retry)(f"PutEvents failed: {error}")
        failure.__cause__ = error
        for item in chunk:
            yield item, failure
        return
    for item, result in zip(chunk, answer["Entries"], strict=True):
        code = result.get("ErrorCode")
        if not code:
            continue
        if code in TRANSIENT:
            yield item, code
            continue
        verdict = Reject if code in MALFORMED else Retry
        yield item, verdict(f"EventBridge refused {item.entry['DetailType']}: {code}: {result.get('ErrorMessage')}")


def _denied(error: ClientError | BotoCoreError) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "AccessDeniedException"
