"""TicketAssigned and TicketChanged: whichever comes second closes the ticket."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Message, consumer
from functions.runtime.table import Table
from tests.sample.contracts import TicketAssigned, TicketChanged, TicketClosed

CLOSINGS = Table("closings")
FACTS = ("TicketAssigned", "TicketChanged")


def handle(event: TicketAssigned | TicketChanged, message: Message) -> Iterable[Event]:
    """Note the fact, first report first, in one write that also tells whether it was the missing one."""
    fact, closed = type(event).__name__, TicketClosed(ticket_id=event.ticket_id)
    closing = CLOSINGS.update(
        {"ticket_id": message.scoped(event.ticket_id)},
        "SET #fact = if_not_exists(#fact, :cause), #first = if_not_exists(#first, :cause)",
        names={"#fact": fact, "#first": "first"},
        values={":cause": message.cause},
    )
    complete = all(name in closing for name in FACTS)
    if complete and closing[fact] == message.cause != closing["first"]:
        return [closed]
    return ()


handler = consumer(handle, accepts=(TicketAssigned, TicketChanged))
