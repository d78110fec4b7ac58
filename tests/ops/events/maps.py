"""Maps with events of every kind: heard by nobody, of something retired, of another project, hostile, and very many."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from functions.contracts.contract import Event, Secret
from stacks.entry import Subscription, Topology
from tests.sample.contracts import TicketOpened
from tests.sample.topology import SAMPLE

HOSTILE = "<script>alert(1)</script>\u202e{{ 7 * 7 }}"
SECRET = "sk-not-to-be-seen"
AGENTS = SAMPLE.integration("agents")
TICKETS = SAMPLE.integration("tickets")


class Marked(Event, frozen=True, kw_only=True):
    __doc__ = f"{HOSTILE}\n\n<img src=x onerror=alert(2)> and more."

    source: ClassVar[str] = "tickets"

    note: Annotated[str, Meta(description=HOSTILE, examples=[HOSTILE], pattern="^<b>$")]
    key: Annotated[str, Meta(examples=[SECRET], description="Opens all."), Secret] = SECRET
    password: Annotated[str, Meta(examples=[SECRET])]


class TheirTicketOpened(Event, frozen=True, kw_only=True):
    """A ticket of another desk."""

    source: ClassVar[str] = "desk.tickets"

    ticket_id: str


TheirTicketOpened.__name__ = "TicketOpened"
RETIRED = Topology(integrations=(TICKETS, replace(AGENTS, retired=True)), package=SAMPLE.package)
THEIRS = Topology(
    integrations=(
        replace(
            TICKETS,
            subscriptions=(
                *TICKETS.subscriptions[1:],
                Subscription(event=TicketOpened, queue="mail_ticket", filter={"language": ["EN", {"prefix": "D"}]}),
                Subscription(event=TheirTicketOpened, queue="close_ticket", bus="desk-{stage}-events"),
            ),
        ),
        AGENTS,
    ),
    package=SAMPLE.package,
)


def publishing(*events: type[Event]) -> Topology:
    """The sample, in which tickets are opened with these events besides."""
    consumers = tuple(
        replace(each, publishes=(*each.publishes, *events)) if each.function == "open_ticket" else each
        for each in TICKETS.consumers
    )
    return Topology(integrations=(replace(TICKETS, consumers=consumers), AGENTS), package=SAMPLE.package)


def many(count: int) -> Topology:
    """The sample with so many events more."""
    made: list[Any] = [
        msgspec.defstruct(
            f"Fact{number:03}",
            [("ticket_id", str)],
            bases=(Event,),
            namespace={"__doc__": f"Fact {number}.", "source": "tickets", "__annotations__": {}},
            frozen=True,
            kw_only=True,
        )
        for number in range(count)
    ]
    return publishing(*made)
