"""RemindTicket: each reminder is noted once, with what came with it."""

from __future__ import annotations

from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.contracts import RemindTicket

REMINDERS = Table("reminders")


def handle(command: RemindTicket, message: Message) -> Duplicate | None:
    """Note the reminder, once for each key."""
    reminder = {"ticket_id": command.ticket_id, "note": command.note, "key": message.key}
    try:
        REMINDERS.put(
            reminder | {"correlation_id": message.correlation_id, "tenant": message.tenant},
            condition="attribute_not_exists(ticket_id)",
        )
    except ConditionFailed:
        return Duplicate()
    return None


handler = consumer(handle, accepts=RemindTicket)
