"""OpenTicket: its idempotency key is claimed, the ticket stored, then TicketOpened."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import to_builtins

from functions.contracts.contract import Event
from functions.runtime.claim import claim
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.contracts import OpenTicket, TicketOpened

TICKETS = Table("tickets")


def handle(ticket: OpenTicket, message: Message) -> Iterable[Event]:
    """Store the ticket unless it is there."""
    opened = TicketOpened(
        ticket_id=ticket.ticket_id, email=ticket.email, language=ticket.language, wanted=ticket.wanted
    )
    claim(ticket, message)
    item = to_builtins(opened) | {"ticket_id": message.scoped(ticket.ticket_id), "digest": ticket.digest()}
    try:
        TICKETS.put(item, condition="attribute_not_exists(ticket_id)")
    except ConditionFailed as failed:
        if (failed.item or {})["digest"] != ticket.digest():
            raise Reject(f"Ticket {ticket.ticket_id} was opened before with another body.") from None
        return Duplicate([opened])
    return [opened]


handler = consumer(handle, accepts=OpenTicket)
