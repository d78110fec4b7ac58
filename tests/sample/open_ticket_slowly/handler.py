"""OpenTicket as `open_ticket` has it, which says its progress first; one called `slow-…` takes its time."""

from __future__ import annotations

import time
from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Message, consumer
from tests.sample.contracts import OpenTicket
from tests.sample.open_ticket import handler as open_ticket

SLOW = "slow-"


def handle(ticket: OpenTicket, message: Message) -> Iterable[Event]:
    """Say how far it is, and store the ticket."""
    message.progress(40, f"Storing the ticket of {ticket.email}.")
    if ticket.ticket_id.startswith(SLOW):
        time.sleep(3)
    return open_ticket.handle(ticket, message)


handler = consumer(handle, accepts=OpenTicket)
