"""A map of lanes: a header names them, and then a field of the event, which two of three lanes are for."""

from __future__ import annotations

from stacks.entry import Access, Consumer, Integration, Lane, Lanes, Queue, Route, Subscription, Table, Topology
from tests.sample.contracts import TicketTriaged, TriageTicket

LANED = Topology(
    package="tests.sample",
    integrations=(
        Integration(
            "desk",
            routes=(
                Route(path="/v1/triages", accepts=TriageTicket, queue="triage_ticket", lane="X-Priority", delay=True),
            ),
            queues=(
                Queue(name="triage_ticket", receives=3, lanes=Lanes(high=4, normal=2, low=2)),
                Queue(name="call_ticket", lanes=Lanes(high=1, normal=1)),
            ),
            consumers=(
                Consumer(
                    function="triage_ticket",
                    concurrency=8,
                    access=(Access(table="triages", actions=("GetItem", "PutItem")),),
                    publishes=(TicketTriaged,),
                ),
                Consumer(function="call_ticket", concurrency=4, access=(Access(table="calls", actions=("PutItem",)),)),
            ),
            subscriptions=(
                Subscription(event=TicketTriaged, queue="call_ticket", lane=Lane("priority", high=("high",))),
            ),
            tables=(Table(name="triages", key="ticket_id"), Table(name="calls", key="ticket_id")),
        ),
    ),
)
