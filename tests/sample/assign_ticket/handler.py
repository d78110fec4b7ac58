"""TicketOpened: every agent's hours are held, the assignment is stored, and TicketAssigned or TicketWaiting follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.hold import Counters, Unknown
from functions.runtime.table import Table
from tests.sample.contracts import TicketAssigned, TicketOpened, TicketWaiting

AGENTS = Counters(Table("agents"), "agent", "hours", records=Table("assignments"), name_key="ticket_id")


def handle(ticket: TicketOpened, message: Message) -> Iterable[Event]:
    """Set every agent's hours aside or none. Raises `Reject` for an agent that nobody knows."""
    wanted: Counter[str] = Counter()
    for each in ticket.wanted:
        wanted[each.agent] += each.hours
    try:
        taken = AGENTS.take(message.scoped(ticket.ticket_id), wanted, first=message.attempt == 1)
    except Unknown as unknown:
        agents = ", ".join(unknown.keys)
        raise Reject(f"Agent {agents} is not in the agents table; add it, then redrive.") from unknown
    name = ticket.ticket_id
    events = [TicketWaiting(ticket_id=name, short=taken.short) if taken.short else TicketAssigned(ticket_id=name)]
    return Duplicate(events) if taken.again else events


handler = consumer(handle, accepts=TicketOpened)
