"""TicketTriaged: who asked is called, once for each ticket."""

from __future__ import annotations

from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.settings import Settings
from functions.runtime.table import ConditionFailed, Table
from tests.sample.contracts import TicketTriaged

CALLS = Table("calls")


def handle(event: TicketTriaged, message: Message) -> Duplicate | None:
    """Note the call, and which lane it came by."""
    call = {"ticket_id": event.ticket_id, "by": Settings.read().service, "key": message.key}
    try:
        CALLS.put(call, condition="attribute_not_exists(ticket_id)")
    except ConditionFailed:
        return Duplicate()
    return None


handler = consumer(handle, accepts=TicketTriaged)
