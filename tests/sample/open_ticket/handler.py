"""OpenTicket: the ticket and its idempotency key in one write, then TicketOpened."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import to_builtins

from functions.contracts.contract import Event
from functions.runtime.claim import claim
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import Cancelled, Put, Table, transact
from tests.sample.contracts import OpenTicket, TicketOpened

TICKETS = Table("tickets")


def handle(ticket: OpenTicket, message: Message) -> Iterable[Event]:
    """Store the ticket unless it is there."""
    opened = TicketOpened(
        ticket_id=ticket.ticket_id, email=ticket.email, language=ticket.language, wanted=ticket.wanted
    )
    item = to_builtins(opened) | {"digest": ticket.digest()}
    try:
        transact([Put(table=TICKETS, item=item, condition="attribute_not_exists(ticket_id)"), *claim(ticket, message)])
    except Cancelled as cancelled:
        if 1 in cancelled.failed:
            raise Reject(f"Idempotency key {message.idempotency_key} came before with another body.") from None
        if (cancelled.failed[0] or {})["digest"] != ticket.digest():
            raise Reject(f"Ticket {ticket.ticket_id} was opened before with another body.") from None
        return Duplicate([opened])
    return [opened]


handler = consumer(handle, accepts=OpenTicket)
