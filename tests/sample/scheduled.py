"""A map of schedules: one that queues its runs, one whose runs must not overlap, one that is paused."""

from __future__ import annotations

from functions.contracts.run import SCHEDULED_TIME
from stacks.entry import Access, Consumer, Integration, Queue, Schedule, Table, Topology
from tests.sample.contracts import RateTickets

SCHEDULED = Topology(
    package="tests.sample",
    integrations=(
        Integration(
            "ratings",
            queues=(Queue(name="rate_tickets"),),
            consumers=(Consumer(function="rate_tickets", access=(Access(table="ratings", actions=("PutItem",)),)),),
            tables=(Table(name="ratings", key="run"),),
            schedules=(
                Schedule(
                    name="rate_each_minute",
                    queue="rate_tickets",
                    sends=RateTickets(language="EN", at=SCHEDULED_TIME),
                    every="cron(* * * * ? *)",
                    catch_up=True,
                ),
                Schedule(
                    name="rate_at_six",
                    queue="rate_tickets",
                    sends=RateTickets(language="DE"),
                    every="cron(0 6 ? * MON-FRI *)",
                    timezone="Europe/Berlin",
                    window=15,
                    overlap="skip",
                ),
                Schedule(
                    name="rate_never",
                    queue="rate_tickets",
                    sends=RateTickets(language="FR"),
                    every="rate(1 hour)",
                    paused=True,
                ),
            ),
        ),
    ),
)
