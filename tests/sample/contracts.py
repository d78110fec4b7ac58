"""What the sample's functions say to each other."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from functions.contracts.contract import END, Command, Email, Event
from functions.contracts.path import FromPath

TicketId = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_-]{{1,64}}{END}", examples=["tic-1001"])]
AgentId = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_-]{{1,64}}{END}", examples=["agent-1"])]


class Hours(Struct, frozen=True, kw_only=True):
    """How many hours of an agent a ticket asks for, as events tell it."""

    agent: AgentId
    hours: Annotated[int, Meta(ge=1, le=1000, examples=[2])]


class AskedHours(Hours, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, as a caller asks."""


class OpenTicket(Command, frozen=True, kw_only=True):
    """Open a ticket."""

    business_key: ClassVar[str | None] = "ticket_id"

    ticket_id: TicketId
    email: Email
    language: Annotated[str, Meta(pattern=rf"^[A-Z]{{2}}{END}", examples=["EN"])]
    wanted: Annotated[tuple[AskedHours, ...], Meta(min_length=1, max_length=50)]


class RateTickets(Command, frozen=True, kw_only=True):
    """Rate the tickets of a language, as they stand `at` a time."""

    language: Annotated[str, Meta(pattern=rf"^[A-Z]{{2}}{END}", examples=["EN"])]
    at: Annotated[str, Meta(max_length=40, examples=["2026-11-26T06:00:00Z"])] = ""


class TicketEvent(Event, frozen=True, kw_only=True):
    """What every event about a ticket says."""

    source: ClassVar[str] = "tickets"
    business_key: ClassVar[str | None] = "ticket_id"

    ticket_id: TicketId


class TicketOpened(TicketEvent, frozen=True, kw_only=True):
    """The ticket is stored."""

    email: Email
    language: str
    wanted: tuple[Hours, ...]


class ChangeTicket(Command, frozen=True, kw_only=True):
    """Change the ticket named in the path; changes apply in the order in which they were accepted."""

    ticket_id: Annotated[TicketId, FromPath]
    step: Annotated[int, Meta(ge=1, le=1000, description="One more than the step before.", examples=[1])]
    note: Annotated[str, Meta(max_length=1000, examples=["It is on its way."])]


class TicketChanged(TicketEvent, frozen=True, kw_only=True):
    """The change was the next step, and applied."""

    step: int


class ChangeDeclined(TicketEvent, frozen=True, kw_only=True):
    """The change was not the next step."""

    step: int
    reason: str


class TicketAssigned(TicketEvent, frozen=True, kw_only=True):
    """The agents' hours are set aside."""

    source: ClassVar[str] = "agents"


class TicketWaiting(TicketEvent, frozen=True, kw_only=True):
    """An agent has not so many hours left."""

    source: ClassVar[str] = "agents"

    short: tuple[AgentId, ...]


class TicketClosed(TicketEvent, frozen=True, kw_only=True):
    """The ticket was assigned and changed, and so is done."""


class PlanReminder(Command, frozen=True, kw_only=True):
    """Have the ticket reminded of later, under its own key; or take that back."""

    business_key: ClassVar[str | None] = None

    ticket_id: TicketId
    after: Annotated[int, Meta(ge=0, examples=[3600])] = 0
    note: Annotated[str, Meta(max_length=1000)] = ""
    replace: bool = False
    cancel: bool = False


Priority = Literal["high", "normal", "low"]


class TriageTicket(Command, frozen=True, kw_only=True):
    """Look at the ticket, in the lane that the request asks for; after the one that it `follows`."""

    business_key: ClassVar[str | None] = "ticket_id"

    ticket_id: TicketId
    priority: Priority = "normal"
    language: Annotated[str, Meta(pattern=rf"^[A-Z]{{2}}{END}", examples=["EN"])] = "EN"
    angry: bool = False
    follows: TicketId | None = None


class TicketTriaged(TicketEvent, frozen=True, kw_only=True):
    """Somebody looked at the ticket."""

    source: ClassVar[str] = "desk"

    priority: Priority
    language: str
    angry: bool
    minutes: Annotated[int, Meta(ge=0, le=10_000)] = 0


class RemindTicket(Command, frozen=True, kw_only=True):
    """Remind of the ticket now."""

    ticket_id: TicketId
    note: Annotated[str, Meta(max_length=1000)] = ""


class TicketStatus(Struct, frozen=True, kw_only=True):
    """A ticket, as those read it who opened it."""

    ticket_id: TicketId
    language: str
    wanted: tuple[Hours, ...] = ()
