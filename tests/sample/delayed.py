"""A map of delays: a consumer that plans, a queue that only plans feed, and one of a route that takes delays."""

from __future__ import annotations

from stacks.entry import Access, Consumer, Integration, Plan, Queue, Route, Table, Topology
from tests.sample.contracts import PlanReminder, RemindTicket

DELAYED = Topology(
    package="tests.sample",
    integrations=(
        Integration(
            "reminders",
            routes=(
                Route(path="/v1/plans", accepts=PlanReminder, queue="plan_ticket"),
                Route(path="/v1/reminders", accepts=RemindTicket, queue="remind_ticket", delay=True),
            ),
            queues=(Queue(name="plan_ticket"), Queue(name="remind_ticket")),
            consumers=(
                Consumer(function="plan_ticket", plans=(Plan(RemindTicket, queue="remind_ticket"),)),
                Consumer(function="remind_ticket", access=(Access(table="reminders", actions=("UpdateItem",)),)),
            ),
            tables=(Table(name="reminders", key="ticket_id"),),
        ),
    ),
)
