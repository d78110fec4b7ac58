"""What the functions of a visit say to each other: an agent goes to a customer with a van and a part, or not at all."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from functions.contracts.contract import END, Command, Event
from tests.sample.contracts import TicketId

Kilometres = Annotated[int, Meta(ge=1, le=5000, examples=[120])]
Part = Annotated[str, Meta(pattern=rf"^[a-z-]{{1,40}}{END}", examples=["pump"])]


class ReserveVan(Command, frozen=True, kw_only=True):
    """Set a van aside for the visit."""

    business_key: ClassVar[str | None] = "ticket_id"

    ticket_id: TicketId
    km: Kilometres


class ReservePart(Command, frozen=True, kw_only=True):
    """Set a part aside for the visit."""

    business_key: ClassVar[str | None] = "ticket_id"

    ticket_id: TicketId
    part: Part


class VisitEvent(Event, frozen=True, kw_only=True):
    """What every event of a visit says."""

    source: ClassVar[str] = "visits"
    business_key: ClassVar[str | None] = "ticket_id"

    ticket_id: TicketId


class VanReserved(VisitEvent, frozen=True, kw_only=True):
    """A van is set aside."""

    km: Kilometres


class PartReserved(VisitEvent, frozen=True, kw_only=True):
    """The part is set aside."""

    part: Part


class PartMissing(VisitEvent, frozen=True, kw_only=True):
    """There is no such part."""

    reason: str


class VanReturnAsked(VisitEvent, frozen=True, kw_only=True):
    """The van is not wanted any more."""

    km: Kilometres
    cause: str


class VanReturned(VisitEvent, frozen=True, kw_only=True):
    """The van is free, or was never taken."""


class PartReturnAsked(VisitEvent, frozen=True, kw_only=True):
    """The part is not wanted any more."""


class PartReturned(VisitEvent, frozen=True, kw_only=True):
    """The part is back, or was never taken."""


class VisitReady(VisitEvent, frozen=True, kw_only=True):
    """Van and part are there: the agent may go."""

    km: Kilometres
    part: Part


class VisitOverdue(VisitEvent, frozen=True, kw_only=True):
    """Van or part were not there in time."""

    waiting_for: tuple[str, ...]


class VisitUndone(VisitEvent, frozen=True, kw_only=True):
    """There is no visit, and nothing of it is left."""

    cause: str


class AgentAsked(VisitEvent, frozen=True, kw_only=True):
    """Van and part are there: send the agent."""

    part: Part


class AgentSent(VisitEvent, frozen=True, kw_only=True):
    """The agent is on the way."""
