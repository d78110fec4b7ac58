"""The cause of each failure, kept beside the queue: keyed by message id, which SQS's move to the DLQ keeps.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import to_builtins

from functions.contracts.environment import DEAD_LETTER_RETENTION
from functions.contracts.failure_record import FailureRecord
from functions.runtime.clients import client
from functions.runtime.errors import WorkerDied
from functions.runtime.log import log
from functions.runtime.outcome import Failure
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import typed

ITEMS = 25
LONGEST_MESSAGE = 1000
LONGEST_FRAME = 160
DEEPEST = 25
"""Calls of a stack that are recorded, innermost last; an item must stay small, and an endless recursion is long."""


def note_last_attempts(records: Sequence[Record], settings: Settings) -> None:
    """Say of messages on their last attempt, unless a cause is known already, that their workers died with them.

    If the worker dies again, nobody is left to say it: SQS moves the message. If it lives, the cause that it finds
    takes this one's place. What goes wrong here is logged and changes no outcome.
    """
    if not settings.failures_table:
        return
    for record in records:
        error = WorkerDied("No failure was seen, so the workers died with the message: out of memory, or out of time.")
        try:
            client("dynamodb").put_item(
                TableName=settings.failures_table,
                Item=typed(_item(Failure.not_attempted(record, error), settings)),
                ConditionExpression="attribute_not_exists(message_id)",
            )
        except (ClientError, BotoCoreError) as problem:
            known = isinstance(problem, client("dynamodb").exceptions.ConditionalCheckFailedException)
            if not known:
                log("WARNING", "cause of failure not recorded", error=str(problem))


def note(failures: Sequence[Failure], settings: Settings) -> None:
    """Write the causes, 25 a call. What goes wrong here is logged and changes no outcome."""
    if not settings.failures_table:
        return
    requests: list[dict[str, Any]] = [{"PutRequest": {"Item": typed(_item(f, settings))}} for f in failures]
    for start in range(0, len(requests), ITEMS):
        pending = {settings.failures_table: requests[start : start + ITEMS]}
        try:
            pending = client("dynamodb").batch_write_item(RequestItems=pending).get("UnprocessedItems")
            if pending:
                pending = client("dynamodb").batch_write_item(RequestItems=pending).get("UnprocessedItems")
        except (ClientError, BotoCoreError) as error:
            log("WARNING", "cause of failure not recorded", error=str(error))
            continue
        if pending:
            log(
                "WARNING",
                "cause of failure not recorded",
                error="unprocessed",
                count=len(pending[settings.failures_table]),
            )


def _item(failure: Failure, settings: Settings) -> dict[str, Any]:
    record, error = failure.record, failure.error
    written: dict[str, Any] = to_builtins(
        FailureRecord(
            message_id=record.id,
            error_type=type(error).__name__,
            error_message=failure.text[:LONGEST_MESSAGE],
            stack=tuple(shortened(stack(error))),
            stack_digest=stack_digest(error),
            attempts=record.attempt,
            function=settings.service,
            version=settings.version,
            correlation_id=failure.correlation_id,
            queue=record.queue,
            failed_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            expires_at=int(time.time()) + settings.retention + DEAD_LETTER_RETENTION,
        )
    )
    return written


def stack(error: BaseException) -> list[str]:
    """Where the error came from, outermost call first: `functions/open_ticket/handler.py:27 handle`. No values."""
    frames = []
    frame: TracebackType | None = error.__traceback__
    while frame:
        code = frame.tb_frame.f_code
        place = f"{'/'.join(code.co_filename.split('/')[-3:])}:{frame.tb_lineno} {code.co_name}"
        frames.append(place[-LONGEST_FRAME:])
        frame = frame.tb_next
    return frames


def shortened(frames: list[str]) -> list[str]:
    """The innermost calls, and how many there were before them."""
    if len(frames) <= DEEPEST:
        return frames
    return [f"… {len(frames) - DEEPEST + 1} calls", *frames[1 - DEEPEST :]]


def stack_digest(error: BaseException) -> str:
    """Twelve digits that are the same for failures of the same type in the same place."""
    return hashlib.sha256("\n".join([type(error).__name__, *stack(error)]).encode()).hexdigest()[:12]
