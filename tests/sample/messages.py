"""The sample's commands and events, with what a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from tests.sample.contracts import AskedHours, ChangeTicket, Hours, OpenTicket, TicketOpened


def ticket(ticket_id: str = "tic-1", **changes: Any) -> OpenTicket:
    fields: dict[str, Any] = {
        "ticket_id": ticket_id,
        "email": "ada@example.com",
        "language": "EN",
        "wanted": (AskedHours(agent="ada", hours=2),),
    }
    return OpenTicket(**fields | changes)


def opened(ticket_id: str = "tic-1", **hours: int) -> TicketOpened:
    wanted = tuple(Hours(agent=agent, hours=n) for agent, n in (hours or {"ada": 2}).items())
    return TicketOpened(ticket_id=ticket_id, email="ada@example.com", language="EN", wanted=wanted)


def change(step: int, note: str = "", ticket_id: str = "tic-1") -> ChangeTicket:
    return ChangeTicket(ticket_id=ticket_id, step=step, note=note)
