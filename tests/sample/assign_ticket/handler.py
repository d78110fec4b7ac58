"""TicketOpened: one transaction takes the agents' hours, then TicketAssigned or TicketWaiting."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import Cancelled, Put, Table, Update, transact
from tests.sample.contracts import Hours, TicketAssigned, TicketOpened, TicketWaiting

AGENTS = Table("agents")
ASSIGNMENTS = Table("assignments")


def handle(ticket: TicketOpened, message: Message) -> Iterable[Event]:
    """Set every agent's hours aside or none. Raises `Reject` for an agent that nobody knows."""
    try:
        transact([_assignment(ticket.ticket_id), *map(_take, ticket.wanted)])
    except Cancelled as cancelled:
        if cancelled.failed.get(0) is not None:
            return Duplicate([TicketAssigned(ticket_id=ticket.ticket_id)])
        refused = {
            wanted.agent: cancelled.failed[place]
            for place, wanted in enumerate(ticket.wanted, start=1)
            if place in cancelled.failed
        }
        unknown = [agent for agent, item in refused.items() if item is None]
        if unknown:
            raise Reject(f"Agent {', '.join(unknown)} is not in the agents table; add it, then redrive.") from None
        return [TicketWaiting(ticket_id=ticket.ticket_id, short=tuple(refused))]
    return [TicketAssigned(ticket_id=ticket.ticket_id)]


def _assignment(ticket_id: str) -> Put:
    return Put(table=ASSIGNMENTS, item={"ticket_id": ticket_id}, condition="attribute_not_exists(ticket_id)")


def _take(wanted: Hours) -> Update:
    return Update(
        table=AGENTS,
        key={"agent": wanted.agent},
        change="SET hours = hours - :hours",
        condition="hours >= :hours",
        values={":hours": wanted.hours},
    )


handler = consumer(handle, accepts=TicketOpened)
