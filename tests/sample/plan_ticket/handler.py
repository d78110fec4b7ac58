"""PlanReminder: the reminder waits under the ticket's key until somebody takes it back."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.later import Cancel, Later
from functions.runtime.consumer import Message, consumer
from tests.sample.contracts import PlanReminder, RemindTicket


def handle(command: PlanReminder, message: Message) -> Iterable[Later | Cancel]:
    """Plan the reminder, or cancel it."""
    if command.cancel:
        return [Cancel(RemindTicket, command.ticket_id)]
    reminder = RemindTicket(ticket_id=command.ticket_id, note=command.note)
    return [Later(reminder, after=command.after, key=command.ticket_id, replace=command.replace)]


handler = consumer(handle, accepts=PlanReminder)
