"""What is to be handled later: one conditional write decides, then its schedule is made, and the one before deleted.

Every step may be done again, and a worker may die between any two: the ask comes again and finds what stands. What is
left over of a schedule fires, and its message finds that its item does not mean it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from functions.contracts.contract import Event
from functions.contracts.envelope import PLANNED_FOR
from functions.contracts.environment import LONGEST_DELAY, QUEUE, PlanVariables
from functions.contracts.plan import KEY, PLANNED, PlanCommand, Planned, schedule_name, whole_minute
from functions.plan_command.logic import Write, is_late, left_over, needs_schedule, standing, wish, write
from functions.runtime.clients import client
from functions.runtime.consumer import Message, Retry, consumer
from functions.runtime.log import log
from functions.runtime.schedules import create, delete, probe
from functions.runtime.settings import read
from functions.runtime.table import ConditionFailed, Table

ITEMS = Table(PLANNED)


def handle(ask: PlanCommand, message: Message) -> Iterable[Event]:
    """Plan what is asked for, or cancel it. Raises what a service raises; then the ask comes again."""
    variables = read(PlanVariables)
    url = variables.queue.replace(QUEUE, ask.queue)
    if ask.is_direct:
        _send(ask, url)
        return ()
    item = _decided(ask, message.correlation_id)
    if item is None and ask.alone:
        # Its key is another's, whose consumer must see that: so it arrives, too.
        ask = replace(ask, key=ask.asked, keyed=False, alone=False, attributes=_own(ask))
        item = _decided(ask, message.correlation_id)
    if not item:
        return ()
    if ask.at is not None:
        if needs_schedule(ask.at, time.time()):
            minute, seconds = whole_minute(ask.at)
            create(schedule_name(ask.queue, ask.key, ask.asked), minute, ask.input(url, seconds), variables)
        else:
            _send(ask, url)
    if is_late(ask, item):
        log("INFO", "cancelled too late", queue=ask.queue, key=ask.key, correlation_id=message.correlation_id)
    if old := left_over(ask, item):
        delete(old, variables)
    return ()


def _decided(ask: PlanCommand, correlation: str) -> dict[str, Any] | None:
    """The item if it says what the ask asks for; empty if that is over; None if its key is planned by another."""
    try:
        return _written(ask.key, write(ask, time.time()))
    except ConditionFailed as failed:
        item = failed.item or {}
        verdict = standing(ask, item)
    if verdict != "taken":
        return item if verdict == "again" else {}
    if not ask.alone and (noted := wish(ask, item)):
        try:
            _written(ask.key, noted)
        except ConditionFailed:
            raise Retry("Its key was asked for by others at the same moment.", delay=1) from None
    log("INFO", "planned already", queue=ask.queue, key=ask.key, correlation_id=correlation)
    return None


def _written(key: str, one: Write) -> dict[str, Any]:
    return ITEMS.update({KEY: key}, one.change, condition=one.condition, names=one.names, values=one.values)


def _own(ask: PlanCommand) -> dict[str, str]:
    """The attributes of the message if it is planned under its own identity."""
    return {**ask.attributes, PLANNED_FOR: str(Planned(ask.at or 0, ask.asked, ask.asked))}


def _send(ask: PlanCommand, url: str) -> None:
    """Send the message with SQS's delay, which is over at its time."""
    assert ask.at is not None
    left = max(math.ceil(ask.at / 1000 - time.time()), 0)
    client("sqs").send_message(**ask.message(url, min(left, LONGEST_DELAY)))


handler = consumer(
    handle,
    accepts=PlanCommand,
    services=("sqs", "scheduler"),
    probes={"EventBridge Scheduler": lambda: probe(read(PlanVariables))},
)
