"""Troubles of consumers, from a FIFO queue with a group for each: who is paused, who goes on.

It is no consumer itself, because a consumer needs the services that may be away. It needs SQS and Lambda, without which
no consumer runs either.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any
from uuid import uuid4

from msgspec import MsgspecError
from msgspec.json import decode, encode

from functions.contracts.environment import FUNCTION, PauseVariables
from functions.contracts.pause import Ask, Condition, Probe, Trouble
from functions.pause_consumer.logic import DISABLED, ENABLED, Decision, asks, decide
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
SOON = 5
"""Seconds until what could not be done now is attempted again, such as switching a mapping that is being switched."""
RENEWED = 7 * DAY
"""Seconds after which the message that holds a consumer is sent anew: SQS deletes it after 14 days."""

Member = tuple[Record, Trouble]


def handler(event: Mapping[str, Any], context: Any = None) -> dict[str, list[dict[str, str]]]:
    """Decide for each consumer of the batch once; return the ids of the messages that stay.

    Never raises for a consumer, of which another would suffer: what went wrong is logged, and its messages stay.
    """
    ours, deadline = read(PauseVariables), Deadline(context)
    waits: list[tuple[Record, float]] = []
    members = sorted(_read(event), key=lambda member: member[1].function)  # stable, so each group keeps its order
    for function, group in groupby(members, key=lambda member: member[1].function):
        batch = list(group)
        try:
            if deadline.left("handling") < PATIENCE:
                waits += [(record, 0) for record, _ in batch]
            else:
                waits += _settle(function, batch, ours)
        except Unavailable as error:
            log("WARNING", "not switched", function=function, error=str(error))
            waits += [(record, SOON) for record, _ in batch]
        except Exception as error:
            log("ERROR", "not switched", function=function, error_type=type(error).__name__, error=str(error))
            waits += [(record, PAUSED) for record, _ in batch]
    hide(ours.pause_queue_url, waits)
    return {"batchItemFailures": [{"itemIdentifier": record.id} for record, _ in waits]}


def _read(event: Mapping[str, Any]) -> list[Member]:
    """The messages that can be read; the others are logged, and done with."""
    found = []
    for record in map(Record.read, event["Records"]):
        try:
            found.append((record, decode(record.body, type=Trouble)))
        except (MsgspecError, UnicodeError) as error:
            log("ERROR", "unreadable", message_id=record.id, error=str(error))
    return found


def _settle(function: str, batch: Sequence[Member], ours: PauseVariables) -> list[tuple[Record, float]]:
    """The messages of one consumer that stay, each with the seconds until it comes back. Raises `Unavailable`."""
    name, troubles = ours.consumer.replace(FUNCTION, function), [trouble for _, trouble in batch]
    found = mapping(name)
    if found is None:
        log("ERROR", "no such consumer", function=function, unfinished=sum(len(each.unfinished) for each in troubles))
        return []
    answer = _ask(function, name, troubles) if asks(found.state, troubles) else None
    decision = decide(found.state, troubles, answer)
    if decision.switch is False:
        # Before the mapping is off: off without the message that turns it on again, it would stay off for ever.
        _hold(function, troubles[0].reason, ours)
    if decision.switch is not None:
        switch(found, on=decision.switch)
        _tell(function, troubles, answer, ours, paused=not decision.switch)
    wait = PAUSED if found.state in (ENABLED, DISABLED) else SOON
    return [(record, wait) for record, _ in _renewed(function, batch, decision, ours)]


def _ask(function: str, name: str, troubles: Sequence[Trouble]) -> Condition | None:
    """What the consumer says of its services; None if it says nothing that can be understood."""
    unfinished = tuple(each for trouble in troubles for each in trouble.unfinished)
    try:
        return condition(name, Ask(probe=Probe(unfinished=unfinished)))
    except Unavailable as error:
        log("WARNING", "no answer to the probe", function=function, error=str(error))
        return None


def _renewed(function: str, batch: Sequence[Member], decision: Decision, ours: PauseVariables) -> list[Member]:
    """The members that stay, without one that is old and was sent anew."""
    kept = [batch[place] for place in decision.kept]
    for record, trouble in kept:
        if trouble.paused and time.time() - record.sent > RENEWED:
            _hold(function, trouble.reason, ours)
            return [member for member in kept if member[0].id != record.id]
    return kept


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
