"""What became of tracked requests: one item each, written when an attempt is over, by the consumer of their route.

A plain write says it: one for a request that succeeds at once. The item is the newest request's of its correlation id,
by the time at which the route took it, and what is done stays done. Before a last attempt the item says what is true if
nobody says more, from when on nobody can: that the request is dead. Only consumers of tracked routes load this module.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import quote

from msgspec import to_builtins

from functions.contracts.environment import DEAD_LETTER_RETENTION
from functions.contracts.key import scoped
from functions.contracts.tracked import (
    EXPIRES_AT,
    FINAL,
    KEY,
    LATER,
    LATER_FROM,
    TABLE,
    Cause,
    RequestStatus,
    State,
    is_named,
    read,
)
from functions.runtime import clients, fibers
from functions.runtime.deadline import invocation, within
from functions.runtime.errors import (
    GroupBlocked,
    Limited,
    NotAttempted,
    OutOfTime,
    Reject,
    Spent,
    Unavailable,
    WorkerDied,
)
from functions.runtime.excerpt import excerpt
from functions.runtime.log import log
from functions.runtime.message import Intake
from functions.runtime.outcome import Done, Failure, Outcomes, Waiting
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import ConditionFailed, Item, Table

REQUESTS = Table(TABLE)
ABREAST = 10
"""Writes side by side, at the most."""
# A request that waits may be a repeat of one that waits already: it is dropped, and the other comes, which is older.
_IS_NEWEST = "attribute_not_exists(received_at) OR received_at <= :received OR #status = :delayed"
_IS_OPEN = (
    "attribute_not_exists(received_at) OR received_at < :received OR #status = :delayed"
    " OR (received_at = :received AND NOT #status IN (:done, :skipped))"
)
# Nor does a repeat come of what is done already, or dead.
_MAY_WAIT = (
    "attribute_not_exists(received_at) OR (received_at <= :received AND NOT #status IN (:done, :skipped)"
    " AND (received_at = :received OR #status <> :dead))"
)
WAITS: State = "delayed"
_FINAL = {":done": FINAL[0], ":skipped": FINAL[1]}
_STATES = {**_FINAL, ":delayed": WAITS}
SILENT = "It failed on our side; ask those who run this, and name the correlation id."
"""What is said of an error whose words are for operators."""


def settle(outcomes: Outcomes, settings: Settings, seconds: float, intake: Intake) -> Outcomes:
    """Say what became of the batch's requests, in so many seconds.

    Returns the failures of those that are done, which could not be said: they come back, and are said then. Of a
    failure it is only logged that it could not be.
    """
    writes: list[tuple[Done | Failure, Callable[[], Item]]] = []
    for one in outcomes.values():
        if not _is_tracked(one.record, settings):
            continue
        if isinstance(one, Waiting) or (isinstance(one, Failure) and isinstance(one.error, Limited)):
            # It only waits, whatever was expected of its last attempt.
            if one.record.attempt >= settings.receives:
                waits = one.failure if isinstance(one, Waiting) else one
                writes.append((waits, partial(_item, one.record, settings, "retrying")))
        elif isinstance(one, Done):
            writes.append((one, partial(_done, one, settings, intake)))
        elif item := _failed(one, settings):
            writes.append((one, partial(dict, item)))
    problems: Outcomes = {}
    end = time.monotonic() + seconds

    def tell(one: Done | Failure, made: Callable[[], Item]) -> None:
        try:
            within(end - time.monotonic(), lambda: _write(made()))
            return
        except OutOfTime:
            clients.replace()
            problem: Exception = Unavailable("The time ran out before the request's status was written.")
        except Exception as error:
            problem = error
        if isinstance(one, Failure):
            log("WARNING", "status of a request not written", message_id=one.record.id, error=str(problem))
        else:
            text = f"The status of the request could not be written: {problem}"
            problems[one.record.id] = Failure(one.record, problem, text, one.message, unpublished=True)

    _abreast([partial(tell, one, made) for one, made in writes], end)
    return problems


def expect_the_worst(records: Sequence[Record], settings: Settings) -> None:
    """Say of requests on their last attempt that they are dead once their worker must be, unless it says otherwise.

    Raises the last error of those of which it could not be said; of the others it is.
    """
    problem: Exception | None = None
    for record in records:
        if _is_tracked(record, settings):
            try:
                REQUESTS.update(
                    {KEY: _key(record)},
                    f"SET {LATER} = :later, {LATER_FROM} = :from, #status = if_not_exists(#status, :status), "
                    "received_at = if_not_exists(received_at, :received), #route = if_not_exists(#route, :route), "
                    f"changed_at = if_not_exists(changed_at, :changed), {EXPIRES_AT} = :expires",
                    condition=_IS_OPEN,
                    names={"#status": "status", "#route": "route"},
                    values=_worst(record, settings),
                )
            except ConditionFailed:
                continue  # a newer request, or one that is done
            except Exception as error:
                problem = error
    if problem is not None:
        raise problem


def working(record: Record, settings: Settings, percent: int, words: str) -> None:
    """Say how far the request is. What cannot be written is logged: the next word may be."""
    if not _is_tracked(record, settings):
        return
    item = _item(record, settings, "working", percent=percent, words=words or None)
    if record.attempt >= settings.receives:
        worst = _worst(record, settings)
        item |= {LATER: worst[":later"], LATER_FROM: worst[":from"]}
    try:
        _write(item)
    except Exception as error:
        log("WARNING", "status of a request not written", message_id=record.id, error=str(error))


def _is_tracked(record: Record, settings: Settings) -> bool:
    return record.route in read(settings.tracked or "{}") and is_named(record.correlation_id)


def _key(record: Record) -> str:
    return scoped(record.tenant, record.correlation_id)


def _item(
    record: Record, settings: Settings, state: State, at: int | None = None, until: float = 0, **more: object
) -> Item:
    """The item; what waits `until` then, in epoch milliseconds, is forgotten as much later."""
    said = RequestStatus(
        status=state,
        route=record.route or "",
        received_at=_received(record),
        changed_at=at or round(time.time() * 1000),
        attempts=record.attempt,
        **more,  # type: ignore[arg-type]
    )
    lasts = settings.retention + DEAD_LETTER_RETENTION
    return {KEY: _key(record), EXPIRES_AT: round(max(time.time(), until / 1000)) + lasts, **to_builtins(said)}


def _received(record: Record) -> int:
    """When the route took it, in epoch milliseconds: what no redrive changes."""
    text = record.received_at or ""
    return int(text) if text.isdecimal() else round(record.first_sent * 1000)


def _done(one: Done, settings: Settings, intake: Intake) -> Item:
    if one.skipped and one.plans:
        return _item(one.record, settings, WAITS, until=getattr(one.plans[0], "at", None) or 0)
    if one.skipped:
        return _item(one.record, settings, "skipped")
    return _item(one.record, settings, "done", thing=_thing(one.record, settings, intake))


def _thing(record: Record, settings: Settings, intake: Intake) -> str | None:
    """Where what was asked for is read."""
    path = read(settings.tracked or "{}").get(record.route or "")
    if path is None:
        return None
    before, _, rest = path.partition("{")
    name, _, after = rest.partition("}")
    contract, _ = intake(record)
    # The path has the name that the field has in JSON.
    attribute = contract.__struct_fields__[contract.__struct_encode_fields__.index(name)]
    return f"{before}{quote(str(getattr(contract, attribute)), safe='')}{after}"


def _failed(failure: Failure, settings: Settings) -> Item | None:
    """The item of a failure; None where it says nothing new: nobody attempted the message, and it is not its end."""
    record, error = failure.record, failure.error
    is_last = record.attempt >= settings.receives
    if isinstance(error, NotAttempted | GroupBlocked) and not is_last:
        return None
    if isinstance(error, Spent) and record.attempt > settings.receives + 1:
        return None
    message = excerpt(failure.text) if isinstance(error, Reject) else SILENT
    cause = Cause(error=type(error).__name__, message=message)
    return _item(record, settings, "dead" if is_last else "retrying", cause=cause)


def _worst(record: Record, settings: Settings) -> Item:
    """The values with which the worst is expected."""
    context = invocation.get()
    remaining = context.get_remaining_time_in_millis() if context else 0
    end = round(time.time() * 1000) + remaining
    now = _item(record, settings, "retrying")
    dead = _item(record, settings, "dead", at=end, cause=Cause(error=WorkerDied.__name__, message=SILENT))
    return {
        ":later": {name: value for name, value in dead.items() if name not in (KEY, EXPIRES_AT)},
        ":from": end,
        ":status": now["status"],
        ":received": now["received_at"],
        ":route": now["route"],
        ":changed": now["changed_at"],
        ":expires": now[EXPIRES_AT],
        **_STATES,
    }


def _write(item: Item) -> None:
    condition, states = _IS_OPEN, _STATES
    if item["status"] in FINAL:
        condition, states = _IS_NEWEST, {":delayed": WAITS}
    elif item["status"] == WAITS:
        condition, states = _MAY_WAIT, {**_FINAL, ":dead": "dead"}
    try:
        REQUESTS.put(
            item, condition=condition, names={"#status": "status"}, values={":received": item["received_at"], **states}
        )
    except ConditionFailed:
        return  # a newer request of this correlation id, or this one is done


def _abreast(bodies: list[Callable[[], None]], end: float) -> None:
    """Run all of them side by side, as far as that makes sense."""
    if len(bodies) < 2:
        for body in bodies:
            body()
        return
    waiting = iter(bodies)

    def follow() -> None:
        for body in waiting:
            body()

    fibers.run([follow] * min(ABREAST, len(bodies)), end, end)
