"""TriageTicket: each ticket is looked at once, after the one that it follows; then TicketTriaged."""

from __future__ import annotations

import time
from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.settings import Settings
from functions.runtime.table import ConditionFailed, Table
from functions.runtime.waiting import sleep
from tests.sample.contracts import TicketTriaged, TriageTicket

TRIAGES = Table("triages")
LOOK = 0.5
"""Seconds that a look takes."""


def handle(ticket: TriageTicket, message: Message) -> Iterable[Event]:
    """Note who looked, and when, once for each ticket."""
    if ticket.follows and not TRIAGES.get({"ticket_id": ticket.follows}):
        raise Reject(f"{ticket.ticket_id} follows {ticket.follows}, at which nobody looked.")
    sleep(LOOK)
    seen = {"ticket_id": ticket.ticket_id, "by": Settings.read().service, "at": str(time.time())}
    triaged = TicketTriaged(
        ticket_id=ticket.ticket_id, priority=ticket.priority, language=ticket.language, angry=ticket.angry
    )
    try:
        TRIAGES.put(seen | {"key": message.key}, condition="attribute_not_exists(ticket_id)")
    except ConditionFailed:
        return Duplicate([triaged])
    return [triaged]


handler = consumer(handle, accepts=TriageTicket)
