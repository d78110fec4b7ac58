"""What of a batch is to be handled later: asks of its handlers, messages that are early, and those whose time has come.

Loaded only where there is such a thing. Asks go to the queue of `plan_command`, by ten and by size, once the effects
are there; what could not be sent sends its message back, and is asked again, as the same. A planned message is handled
if its item still means it, which one conditional write says and notes: from then on nobody cancels or replaces it.
What then fails, or waits for a limit that its handler asks, is noted once more, and handled again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from functions.contracts.contract import Command
from functions.contracts.envelope import (
    CORRELATION_ID,
    DELIVER_AT,
    IDEMPOTENCY_KEY,
    PLANNED_FOR,
    TENANT,
    Envelope,
)
from functions.contracts.later import YEAR, Cancel, Later
from functions.contracts.plan import (
    CANCELLED,
    KEPT,
    KEY,
    LARGEST_INPUT,
    PLACES,
    PLANNED,
    PLANNED_STATE,
    RAN,
    PlanCommand,
    Planned,
    digest,
    item_key,
    mark,
)
from functions.runtime.chunks import MESSAGES_BYTES, chunks, message_size
from functions.runtime.clients import client, replace
from functions.runtime.deadline import within
from functions.runtime.errors import OutOfTime, Reject, Retry, Unavailable
from functions.runtime.infrastructure import is_away
from functions.runtime.message import Message
from functions.runtime.outcome import Done, Failure, Outcomes
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import ConditionFailed, Table
from functions.runtime.waiting import sleep

GRACE = 60
"""Seconds by which a time may be past where it is asked for: a clock that is a little off is no mistake."""
SHORT = 5.0
"""Seconds that an early message is waited for; for longer it goes back to its queue."""

TABLE = Table(PLANNED)
_begun: set[str] = set()
# Messages of this batch whose handling began, by their ids.


class _Detail(msgspec.Struct, frozen=True):
    detail: Envelope


def asks(results: Sequence[Any], message: Message, record: Record, settings: Settings) -> dict[int, PlanCommand]:
    """What a handler asks for, by its place among the results.

    Raises `Reject` for a command that the map does not say, and for one that cannot be planned.
    """
    return {
        place: _ask(each, place, message, record, settings)
        for place, each in enumerate(results)
        if isinstance(each, (Later, Cancel))
    }


def _ask(result: Later | Cancel, place: int, message: Message, record: Record, settings: Settings) -> PlanCommand:
    kind = result.command if isinstance(result, Cancel) else type(result.command)
    targets = dict(pair.split("=", 1) for pair in (settings.plans or "").split())
    queue = targets.get(kind.__name__)
    if queue is None:
        raise Reject(
            f"The map does not say that {settings.service} plans {kind.__name__}; add it to the consumer's plans."
        )
    since = asked_at(record)
    own = Planned.read(record.planned_for)
    # One message may ask anew each time that it comes back planned: a chain.
    asked = digest(message.cause, own.asked if own else "", kind.__name__, str(place))
    key = item_key(queue, message.tenant, result.key) if result.key is not None else asked
    order = since * PLACES + min(place, PLACES - 1)
    if isinstance(result, Cancel):
        return PlanCommand(asked=asked, order=order, queue=queue, key=key, keyed=True)
    at = _time(result, kind.__name__, since)
    attributes = {
        CORRELATION_ID: message.correlation_id,
        IDEMPOTENCY_KEY: asked,
        **({TENANT: message.tenant} if message.tenant else {}),
    }
    ask = PlanCommand(
        asked=asked,
        order=order,
        queue=queue,
        key=key,
        keyed=result.key is not None,
        at=at,
        replace=result.replace,
        text=result.body(),
        attributes=attributes,
        group=message.tenant,
        trace=message.trace,
    )
    ask = msgspec.structs.replace(ask, attributes=attributes | {PLANNED_FOR: _told(ask)})
    size = len(ask.input("", 0).encode())
    if size > LARGEST_INPUT:
        raise Reject(
            f"{kind.__name__} takes {size:,} bytes of a schedule, of at most {LARGEST_INPUT:,}; plan less, or a "
            "reference to it."
        )
    return ask


def _told(ask: PlanCommand) -> str:
    assert ask.at is not None
    return str(Planned(ask.at, ask.asked, "" if ask.is_direct else ask.key))


def _time(later: Later, name: str, since: int) -> int:
    """Epoch milliseconds. What was past when it was asked for is refused; what has become so meanwhile is not."""
    now = time.time()
    if later.after is not None:
        return round((now + later.after) * 1000)
    assert later.at is not None
    at = round(later.at.timestamp() * 1000)
    if at < min(since, round(now * 1000)) - GRACE * 1000:
        raise Reject(f"{name} is planned for {later.at.isoformat()}, which was past when it was asked for.")
    return at


def asked_at(record: Record) -> int:
    """When the message was asked for, in epoch milliseconds: what no retry changes, and no redrive where it is known.

    That is its time, if it was planned itself; when its request came; when its event happened; else when it was sent.
    """
    own = Planned.read(record.planned_for)
    if own:
        return own.at
    if record.received_at and record.received_at.isdecimal():
        return int(record.received_at)
    try:
        told = msgspec.json.decode(record.body, type=_Detail).detail.time
        return round(datetime.fromisoformat(told).timestamp() * 1000)
    except (msgspec.MsgspecError, ValueError, UnicodeError):
        return round((record.first_sent or time.time()) * 1000)


def arrival(record: Record, message: Message, settings: Settings) -> Done | None:
    """What becomes of a message that has a time and is not handled now: it is planned.

    None if it is to be handled now. Raises `Reject` for a time that makes no sense, `Retry` for one that has not come.
    """
    if record.deliver_at and not record.planned_for:
        ask = _delayed(record, message, settings)
        return Done(record, message, (), skipped=f"It waits for {_iso(ask.at or 0)}.", plans=(ask,))
    planned = Planned.read(record.planned_for)
    if planned is None:
        return None
    left = planned.at / 1000 - time.time()
    if left > SHORT:
        raise Retry("It is early, and comes back at its time.", delay=left + 1)
    if left > 0:
        sleep(left)
    return None


def if_still_meant(record: Record, handle: Callable[[], Any]) -> Any:
    """What `handle` returns, or why a planned message is not handled any more."""
    if why := taken_back(record):
        return why
    _begun.add(record.id)
    return handle()


def note_begun(outcomes: Outcomes) -> None:
    """Note of what began and comes back that it is handled again, whatever its key is planned for meanwhile.

    Its key's item remembers the last two that began, which is enough where a worker dies before it can note this.
    """
    for id_, one in outcomes.items():
        planned = Planned.read(one.record.planned_for)
        if isinstance(one, Done) or id_ not in _begun or planned is None or not planned.key:
            continue
        try:
            TABLE.update(
                {KEY: mark(planned.asked)}, "SET expires_at = :gone", values={":gone": int(time.time()) + KEPT}
            )
        except LookupError:
            return  # nothing plans for this queue any more
    _begun.clear()


def taken_back(record: Record) -> str | None:
    """Why the message is not to be handled; None if it is, from when on nobody takes it back.

    To be asked right before that: what still waits, such as for a limit, may still be cancelled or replaced.
    """
    planned = Planned.read(record.planned_for)
    if planned is None or not planned.key:
        return None
    try:
        TABLE.update(
            {KEY: planned.key},
            "SET #state = :ran, ran_before = if_not_exists(ran, :none), ran = :asked",
            condition="asked = :asked AND #state = :planned",
            names={"#state": "state"},
            values={":ran": RAN, ":planned": PLANNED_STATE, ":asked": planned.asked, ":none": ""},
        )
    except LookupError:
        return None  # nothing plans for this queue any more, so nobody takes anything back either
    except ConditionFailed as failed:
        item = failed.item
        if item is None or planned.asked in (item.get("ran"), item.get("ran_before")) or _is_marked(planned.asked):
            return None
        if item.get("state") == CANCELLED and item.get("asked") in (None, planned.asked):
            return "What planned it was cancelled."
        return "Its key was planned anew."
    return None


def _is_marked(asked: str) -> bool:
    """Whether what asked was noted as begun: only where it has been overtaken since does anybody ask."""
    values = {":gone": int(time.time()) + KEPT}
    try:
        TABLE.update(
            {KEY: mark(asked)}, "SET expires_at = :gone", condition="attribute_exists(expires_at)", values=values
        )
    except ConditionFailed:
        return False
    return True


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")


def _delayed(record: Record, message: Message, settings: Settings) -> PlanCommand:
    """The message of a request that asked for more delay than SQS knows, as an ask for it."""
    queue = settings.service
    at, since = _asked_for(record), asked_at(record)
    # Without a key it is this request: when it came, under what correlation id.
    who = (record.idempotency_key,) if record.idempotency_key else (str(since), message.correlation_id)
    asked = digest(queue, record.tenant or "", *who, record.body)
    key = item_key(queue, record.tenant, record.idempotency_key) if record.idempotency_key else asked
    attributes = {
        name: value["stringValue"]
        for name, value in (record.attributes or {}).items()
        if name != DELIVER_AT and value.get("stringValue")
    }
    ask = PlanCommand(
        asked=asked,
        order=since * PLACES,
        queue=queue,
        key=key,
        keyed=record.idempotency_key is not None,
        at=at,
        alone=True,
        text=record.body,
        attributes=attributes,
        group=record.group,
        trace=record.trace,
    )
    return msgspec.structs.replace(ask, attributes=attributes | {PLANNED_FOR: _told(ask)})


def _asked_for(record: Record) -> int:
    """The time that the request asked for, in epoch milliseconds, never earlier."""
    told, came = record.deliver_at or "", asked_at(record)
    try:
        if told.startswith("+"):
            at = came + int(told[1:]) * 1000
        else:
            until = datetime.fromisoformat(told.upper())
            at = -int(-(until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() * 1000 // 1)
    except (ValueError, OverflowError):
        raise Reject(
            f"Its time {told[:40]!r} is none; send it again with a time such as 2027-01-31T09:00:00Z."
        ) from None
    if at - came > (YEAR + GRACE) * 1000:
        raise Reject(f"Its time {told[:40]!r} is more than a year ahead; send it again with a nearer one.")
    return at


def send(wanted: Sequence[Done], settings: Settings, *, seconds: float) -> Outcomes:
    """Send what is asked for within `seconds`. Returns the failures of what could not be sent."""
    done = {one.record.id: one for one in wanted}
    problems = _send(done, settings, seconds)
    return {
        id_: Failure(done[id_].record, problem, str(problem), done[id_].message, unpublished=not done[id_].skipped)
        for id_, problem in problems.items()
    }


def _send(wanted: Mapping[str, Done], settings: Settings, seconds: float) -> dict[str, BaseException]:
    url = settings.plan_queue_url
    if url is None:
        error = Reject(
            f"It is to be delayed, and nothing in the map says that {settings.service} may; give its route delay=True."
        )
        return dict.fromkeys(wanted, error)
    end = time.monotonic() + seconds
    failed: dict[str, BaseException] = {}
    asks = [(one.record.id, _entry(one, ask)) for one in wanted.values() for ask in one.plans]
    for chunk in chunks(asks, MESSAGES_BYTES, lambda pair: message_size(pair[1])):
        entries = [{"Id": str(place), **entry} for place, (_, entry) in enumerate(chunk)]
        try:
            answer = within(
                end - time.monotonic(), partial(client("sqs").send_message_batch, QueueUrl=url, Entries=entries)
            )
        except OutOfTime:
            replace()
            failed |= dict.fromkeys((id_ for id_, _ in chunk), Unavailable("The time ran out in SendMessageBatch."))
            continue
        except (ClientError, BotoCoreError) as error:
            problem = (Unavailable if is_away(error) else Retry)(f"SendMessageBatch failed: {error}")
            problem.__cause__ = error
            failed |= dict.fromkeys((id_ for id_, _ in chunk), problem)
            continue
        for each in answer.get("Failed", ()):
            kind = Retry if each.get("SenderFault") else Unavailable
            failed[chunk[int(each["Id"])][0]] = kind(f"SQS did not take what is planned: {each.get('Code')}.")
    return failed


def _entry(one: Done, ask: Command) -> dict[str, Any]:
    correlation = {"DataType": "String", "StringValue": one.message.correlation_id}
    return {"MessageBody": msgspec.json.encode(ask).decode(), "MessageAttributes": {CORRELATION_ID: correlation}}
