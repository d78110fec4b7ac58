"""The cause of each failure, kept beside the queue: keyed by message id, which SQS's move to the DLQ keeps.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import to_builtins
from msgspec.structs import replace

from functions.contracts.environment import DEAD_LETTER_RETENTION
from functions.contracts.failure_record import FailureRecord
from functions.runtime.clients import client
from functions.runtime.errors import GroupBlocked, GroupParked, NotAttempted, Spent, WorkerDied
from functions.runtime.excerpt import excerpt
from functions.runtime.infrastructure import is_away
from functions.runtime.log import log
from functions.runtime.outcome import Failure
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import typed

LONGEST_FRAME = 160
DEEPEST = 25
"""Calls of a stack that are recorded, innermost last; an item must stay small, and an endless recursion is long."""
CARRIERS = {__file__.replace("failures.", f"{module}.") for module in ("consumer", "deadline", "fibers", "limit")}
"""The modules that hand a message to who handles it."""
KEPT = 1000
"""Causes that wait to be written, at the most; the oldest go first."""

FIRST = tuple(name for name in FailureRecord.__struct_fields__ if name.startswith("first_"))
LAST = tuple(name for name in FailureRecord.__struct_fields__ if name.startswith("last_"))

_waiting: dict[str, tuple[FailureRecord, bool]] = {}
# Messages of this batch of which the cause is a guess, for any failure to replace.
_guesses: set[str] = set()


def note_last_attempts(records: Sequence[Record], settings: Settings) -> None:
    """Say of messages on their last attempt, unless a cause is known already, that their workers died with them.

    If the worker dies again, nobody is left to say it: SQS moves the message. If it lives, the cause that it finds
    takes this one's place. What goes wrong here is logged and changes no outcome.
    """
    if not settings.failures_table:
        return
    _guesses.clear()
    for record in records:
        error = WorkerDied("No failure was seen, so the workers died with the message: out of memory, or out of time.")
        # A guess is no first failure: only what was seen is.
        guess = replace(_record(Failure.not_attempted(record, error), settings), **dict.fromkeys(FIRST))
        before = _write(guess, own=False, settings=settings)
        if before is not None and "error_type" not in before:
            _guesses.add(record.id)


def note(failures: Sequence[Failure], settings: Settings) -> None:
    """Write the causes, and those that could not be written before.

    A failure that is not the message's own is worth a write only where the message may be dead soon. What could not be
    written is kept, and written with the next batch; its log line says the same meanwhile.
    """
    if not settings.failures_table:
        return
    for failure in failures:
        spent = isinstance(failure.error, Spent)
        if spent and failure.record.attempt > settings.receives + 1:
            continue  # said once, in case that nobody could say anything before
        own = is_own(failure.error) or (failure.record.id in _guesses and not spent)
        if own or failure.record.attempt >= settings.receives - 1:
            _waiting.pop(failure.record.id, None)  # the newer one takes its place, at the end
            record = _record(failure, settings)
            _waiting[failure.record.id] = (replace(record, **dict.fromkeys(LAST)) if spent else record, own)
    while len(_waiting) > KEPT:
        del _waiting[next(iter(_waiting))]
    # The newest first: they are those that decide how long their messages wait.
    for id_ in [*_waiting][::-1]:
        record, own = _waiting[id_]
        if _write(record, own=own, settings=settings) is None:
            return  # the table is away; what is left would fare no better
        del _waiting[id_]


def unwritten() -> set[str]:
    """The ids of the messages whose cause still waits to be written."""
    return set(_waiting)


def is_own(error: BaseException) -> bool:
    """Whether the failure is the message's own: not that of a service, of the time, of another message or a worker."""
    return not isinstance(error, NotAttempted | GroupBlocked | GroupParked | Spent | WorkerDied) and not is_away(error)


def _write(record: FailureRecord, *, own: bool, settings: Settings) -> dict[str, Any] | None:
    """The item as it was before; None if the table is away. A cause that is refused for good is logged and gone."""
    try:
        answer = client("dynamodb").update_item(
            TableName=settings.failures_table,
            Key=typed({"message_id": record.message_id}),
            ReturnValues="ALL_OLD",
            **_change(record, own=own),
        )
    except (ClientError, BotoCoreError) as error:
        log("WARNING", "cause of failure not recorded", message_id=record.message_id, error=str(error))
        return None if is_away(error) else {}
    return answer.get("Attributes") or {}


def _change(record: FailureRecord, *, own: bool) -> dict[str, Any]:
    # The first of all stays, the last is replaced; what is the message's own goes before what is not.
    sets, names, values = [], {}, {}
    for position, name in enumerate(FailureRecord.__struct_fields__):
        if name == "message_id" or getattr(record, name) is None:
            continue
        stays = name.startswith("first_") or not (own or name.startswith("last_") or name == "expires_at")
        names[f"#{position}"] = name
        values[f":{position}"] = to_builtins(getattr(record, name))
        sets.append(f"#{position} = " + (f"if_not_exists(#{position}, :{position})" if stays else f":{position}"))
    return {
        "UpdateExpression": f"SET {', '.join(sets)}",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": typed(values),
    }


def _record(failure: Failure, settings: Settings) -> FailureRecord:
    record, error = failure.record, failure.error
    said = {
        "error_type": type(error).__name__,
        "error_message": excerpt(failure.text),
        "attempts": record.attempt,
        "failed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    return FailureRecord(
        message_id=record.id,
        stack=tuple(shortened(stack(error))),
        stack_digest=stack_digest(error),
        function=settings.service,
        version=settings.release,
        correlation_id=failure.correlation_id,
        queue=record.queue,
        expires_at=int(time.time()) + settings.retention + DEAD_LETTER_RETENTION,
        **said,  # type: ignore[arg-type]
        **{f"{place}_{name}": value for place in ("first", "last") for name, value in said.items()},  # type: ignore[arg-type]
    )


def stack(error: BaseException) -> list[str]:
    """Where the error came from, outermost call first: `functions/open_ticket/handler.py:27 handle`. No values.

    It begins where the message was handed over: how it came there differs by the batch, and says nothing of the error.
    """
    frames = []
    frame = error.__traceback__
    while frame and frame.tb_next and frame.tb_frame.f_code.co_filename in CARRIERS:
        frame = frame.tb_next
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
