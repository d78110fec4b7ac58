"""Troubles of consumers, from a FIFO queue with a group for each: who is paused, who goes on.

It is no consumer itself, because a consumer needs the services that may be away. It needs SQS and Lambda, without which
no consumer runs either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any
from uuid import uuid4

from msgspec import MsgspecError
from msgspec.json import decode, encode

from functions.contracts.environment import FUNCTION, PauseVariables
from functions.contracts.pause import Ask, Condition, Probe, Trouble
from functions.pause_consumer.logic import DISABLED, asks, decide
from functions.runtime.clients import client
from functions.runtime.deadline import Deadline
from functions.runtime.errors import Unavailable
from functions.runtime.log import log, metrics
from functions.runtime.mapping import PATIENCE, condition, mapping, switch
from functions.runtime.record import Record
from functions.runtime.settings import Settings, read
from functions.runtime.visibility import hide

DAY = 24 * 60 * 60
PAUSED = 20
"""Seconds from one probe of a paused consumer to the next."""
UNFINISHED = 10
"""Seconds until records that cannot be completed are handed back again: before a paused consumer goes on, as a rule."""
SOON = 5
"""Seconds until what could not be done now is attempted again, such as switching a mapping that is being switched."""
LONGEST = 2 * PATIENCE
"""Seconds that a consumer may take us, to ask it and to switch it: a worker that dies of that keeps its messages."""
RENEWED = 7 * DAY
"""Seconds after which the message that holds a consumer is sent anew: SQS deletes it after 14 days."""

Member = tuple[Record, Trouble]
Wait = tuple[Record, float]
"""A message that stays, and the seconds until it comes back."""
Step = Callable[[str, Sequence[Member], PauseVariables], list[Wait]]


def handler(event: Mapping[str, Any], context: Any = None) -> dict[str, list[dict[str, str]]]:
    """Decide for each consumer of the batch once; return the ids of the messages that stay.

    Never raises for a consumer, of which another would suffer: what went wrong is logged, and its messages stay.
    """
    ours, deadline = read(PauseVariables), Deadline(context)
    members = sorted(_read(event), key=lambda member: member[1].function)  # stable, so each group keeps its order
    pausing = [member for member in members if not member[1].unfinished]
    unfinished = [member for member in members if member[1].unfinished]
    waits: list[Wait] = []
    for step, part in ((_settle, pausing), (partial(_hand_back, deadline=deadline), unfinished)):
        for function, group in groupby(part, key=lambda member: member[1].function):
            waits += _done(step, function, list(group), ours, deadline)
    hide(ours.pause_queue_url, waits)
    return {"batchItemFailures": [{"itemIdentifier": record.id} for record, _ in waits]}


def _done(step: Step, function: str, batch: Sequence[Member], ours: PauseVariables, deadline: Deadline) -> list[Wait]:
    """What `step` says of the messages of one consumer; if it does not come to that, all of them stay."""
    if deadline.left("handling") < LONGEST:
        return _all(batch, 0)
    try:
        return step(function, batch, ours)
    except Unavailable as error:
        log("WARNING", "not switched", function=function, error=str(error))
        return _all(batch, SOON)
    except Exception as error:
        log("ERROR", "not switched", function=function, error_type=type(error).__name__, error=str(error))
        return _all(batch, PAUSED)


def _all(batch: Sequence[Member], wait: float) -> list[Wait]:
    return [(record, wait) for record, _ in batch]


def _read(event: Mapping[str, Any]) -> list[Member]:
    """The messages that can be read; the others are logged, and done with."""
    found = []
    for record in map(Record.read, event["Records"]):
        try:
            found.append((record, decode(record.body, type=Trouble)))
        except (MsgspecError, UnicodeError) as error:
            log("ERROR", "unreadable", message_id=record.id, error=str(error))
    return found


def _settle(function: str, batch: Sequence[Member], ours: PauseVariables) -> list[Wait]:
    """Pause the consumer, or let it go on. Raises `Unavailable`."""
    name, troubles = ours.consumer.replace(FUNCTION, function), [trouble for _, trouble in batch]
    found = mapping(name)
    if found is None:
        log("ERROR", "no such consumer", function=function)
        return []
    answer = _ask(function, name, Probe()) if asks(found.state, troubles) else None
    decision = decide(found.state, troubles, [_age(record) for record, _ in batch], answer)
    if decision.switch is False:
        # Before the mapping is off: off without the message that turns it on again, it would stay off for ever.
        _hold(function, troubles[0].reason, ours)
        batch = [member for member in batch if not member[1].paused]
    if decision.switch is not None:
        try:
            switch(found, on=decision.switch)
        except Unavailable as error:
            log("WARNING", "not switched", function=function, error=str(error))
            return _all(batch, SOON)
        _tell(function, troubles, answer, ours, paused=not decision.switch)
    wait = PAUSED if found.state == DISABLED and decision.switch is None else SOON
    return _all(_renewed(function, [batch[place] for place in decision.kept], ours), wait)


def _hand_back(function: str, batch: Sequence[Member], ours: PauseVariables, *, deadline: Deadline) -> list[Wait]:
    """Let the consumer complete the records, whoever disabled it; what is not possible for a day is logged, and lost.

    They say nothing of whether it is to be paused: a record may be at fault itself. So after one that is not completed
    the others come back without it.
    """
    for place, (record, trouble) in enumerate(batch):
        if deadline.left("handling") < LONGEST:
            return _all(batch[place:], 0)
        answer = _ask(function, ours.consumer.replace(FUNCTION, function), Probe(unfinished=trouble.unfinished))
        if answer is not None and not answer.away:
            continue
        stays = _age(record) <= DAY
        for each in () if stays else trouble.unfinished:
            log("ERROR", "never recorded", function=function, effect=each.name, key=each.key)
        return _all(batch[place : place + 1] if stays else (), UNFINISHED) + _all(batch[place + 1 :], SOON)
    return []


def _ask(function: str, name: str, probe: Probe) -> Condition | None:
    """What the consumer says of its services; None if it says nothing that can be understood."""
    try:
        return condition(name, Ask(probe=probe))
    except Unavailable as error:
        log("WARNING", "no answer to the probe", function=function, error=str(error))
        return None


def _renewed(function: str, kept: Sequence[Member], ours: PauseVariables) -> Sequence[Member]:
    """The members that stay, without one that is old and was sent anew."""
    for record, trouble in kept:
        if trouble.paused and _age(record) > RENEWED:
            _hold(function, trouble.reason, ours)
            return [member for member in kept if member[0].id != record.id]
    return kept


def _age(record: Record) -> float:
    """Seconds since it was sent."""
    return time.time() - record.sent


def _hold(function: str, reason: str, ours: PauseVariables) -> None:
    """Send the message that is there for as long as we keep the consumer paused."""
    client("sqs").send_message(
        QueueUrl=ours.pause_queue_url,
        MessageBody=encode(Trouble(function=function, reason=reason, paused=True)).decode(),
        MessageGroupId=function,
        MessageDeduplicationId=str(uuid4()),
    )


def _tell(
    function: str, troubles: Sequence[Trouble], answer: Condition | None, ours: PauseVariables, *, paused: bool
) -> None:
    if paused:
        log("WARNING", "paused", function=function, away=answer and answer.away, reason=troubles[0].reason)
    else:
        log("INFO", "resumed", function=function)
    consumer = Settings(project=ours.project, stage=ours.stage, service=function)
    metrics(consumer, {"Paused" if paused else "Resumed": 1}, [])
