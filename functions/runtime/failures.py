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
from msgspec import Struct

from functions.runtime.clients import client
from functions.runtime.log import log
from functions.runtime.record import Record
from functions.runtime.settings import DEAD_LETTER_RETENTION, Settings
from functions.runtime.table import typed

ITEMS = 25
LONGEST_MESSAGE = 1000


class Failure(Struct, frozen=True):
    """A record that goes back to its queue, and why; `head` is the failed record it stands behind in its FIFO group."""

    record: Record
    error: BaseException
    correlation_id: str
    head: Record | None = None


def note(failures: Sequence[Failure], settings: Settings) -> None:
    """Write the causes, 25 a call. What goes wrong here is logged and changes no outcome."""
    if not settings.failures:
        return
    requests: list[dict[str, Any]] = [{"PutRequest": {"Item": typed(_item(f, settings))}} for f in failures]
    for start in range(0, len(requests), ITEMS):
        pending = {settings.failures: requests[start : start + ITEMS]}
        try:
            pending = client("dynamodb").batch_write_item(RequestItems=pending).get("UnprocessedItems")
            if pending:
                pending = client("dynamodb").batch_write_item(RequestItems=pending).get("UnprocessedItems")
        except (ClientError, BotoCoreError) as error:
            log("WARNING", "cause of failure not recorded", error=str(error))
            continue
        if pending:
            log("WARNING", "cause of failure not recorded", error="unprocessed", count=len(pending[settings.failures]))


def _item(failure: Failure, settings: Settings) -> dict[str, Any]:
    record, error = failure.record, failure.error
    return {
        "message_id": record.id,
        "error_type": type(error).__name__,
        "error_message": str(error)[:LONGEST_MESSAGE],
        "stack_digest": stack_digest(error),
        "attempts": record.attempt,
        "function": settings.function,
        "version": settings.version,
        "correlation_id": failure.correlation_id,
        "queue": record.queue,
        "failed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "expires_at": int(time.time()) + settings.retention + DEAD_LETTER_RETENTION,
    }


def stack_digest(error: BaseException) -> str:
    """Twelve digits that are the same for failures of the same type in the same place."""
    digest = hashlib.sha256(type(error).__name__.encode())
    frame: TracebackType | None = error.__traceback__
    while frame:
        code = frame.tb_frame.f_code
        digest.update(f"{code.co_filename}:{code.co_qualname}:{frame.tb_lineno}".encode())
        frame = frame.tb_next
    return digest.hexdigest()[:12]
