"""What feeds a queue is known of every kind of feed: by its contract, and with a tenant or without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stacks import feeds
from stacks.entry import Consumer, Integration, Limit, Plan, Queue, Schedule, Subscription, Topology, TopologyError
from tests.sample.contracts import OpenTicket, PlanReminder, RateTickets, RemindTicket, TicketOpened
from tests.sample.delayed import DELAYED
from tests.sample.scheduled import SCHEDULED
from tests.sample.topology import SAMPLE

(REMINDERS,) = (each for each in DELAYED.integrations if not each.is_planning)
(RATINGS,) = SCHEDULED.integrations
PLANNER, REMINDER = REMINDERS.consumers
PLAN_ROUTE, REMIND_ROUTE = REMINDERS.routes


def reminders(*limits: Limit, **changes: Any) -> Topology:
    """The map of delays, with limits for what a plan feeds."""
    changes.setdefault("consumers", (PLANNER, replace(REMINDER, limits=limits)))
    return Topology(package="tests.sample", integrations=(replace(REMINDERS, **changes),))


def ratings(*limits: Limit, **changes: Any) -> Topology:
    """The map of schedules, with limits for what they feed."""
    (rater,) = RATINGS.consumers
    changes.setdefault("consumers", (replace(rater, limits=limits),))
    return Topology(package="tests.sample", integrations=(replace(RATINGS, **changes),))


def told(topology: Topology, queue: str) -> list[tuple[str, str, str | None]]:
    return [(feed.name, feed.contract.__name__, feed.tenantless) for feed in feeds.of(topology, queue)]


def test_every_kind_of_feed_is_named_with_its_contract() -> None:
    assert told(DELAYED, "remind_ticket") == [
        ("Route POST /v1/reminders", "RemindTicket", "Route POST /v1/reminders"),
        ("the Plan of consumer 'plan_ticket'", "RemindTicket", "Route POST /v1/plans"),
    ]
    assert told(SCHEDULED, "rate_tickets")[0] == (
        "Schedule 'rate_each_minute'",
        "RateTickets",
        "Schedule 'rate_each_minute'",
    )
    assert told(SAMPLE, "close_ticket") == [
        ("Subscription close_ticket on TicketAssigned", "TicketAssigned", None),
        ("Subscription close_ticket on TicketChanged", "TicketChanged", None),
    ]
    assert feeds.commands(DELAYED) == (PlanReminder, RemindTicket)


def test_what_follows_from_a_message_has_a_tenant_where_that_has_one() -> None:
    tickets, *others = SAMPLE.integrations
    nobody = tuple(replace(route, tenant=None, trusts=()) for route in tickets.routes)
    topology = replace(SAMPLE, integrations=(replace(tickets, routes=nobody), *others))
    (_, _, begun), *_ = told(topology, "close_ticket")
    assert begun == "Route POST /v1/tickets", "of the event of an event"


def test_a_plan_that_plans_itself_ends_the_question() -> None:
    chain = replace(REMINDER, plans=(Plan(RemindTicket, queue="remind_ticket"),))
    routes = tuple(replace(route, tenant="caller") for route in REMINDERS.routes)
    topology = reminders(consumers=(PLANNER, chain), routes=routes)
    assert [tenantless for _, _, tenantless in told(topology, "remind_ticket")] == [None, None, None]


def test_where_many_queues_hear_of_each_other_each_is_asked_once() -> None:
    """The ways from one of so many to another are too many to go."""
    words = [f"take_{number}" for number in range(20)]
    (rater,) = RATINGS.consumers
    many = Integration(
        "many",
        queues=tuple(Queue(name=word) for word in words),
        consumers=tuple(Consumer(function=word, handler="mail_ticket", publishes=(TicketOpened,)) for word in words),
        subscriptions=tuple(Subscription(event=TicketOpened, queue=word) for word in words),
    )
    rated = replace(RATINGS, consumers=(replace(rater, publishes=(TicketOpened,)),))
    for integrations, tenantless in (((many,), None), ((many, rated), "Schedule 'rate_each_minute'")):
        topology = Topology(package="tests.sample", integrations=integrations)
        assert [feed.tenantless for feed in feeds.of(topology, words[0])] == [tenantless]


def test_only_schedules_is_said_of_what_nothing_else_feeds_any_more() -> None:
    assert feeds.only_schedules(SCHEDULED, "rate_tickets")
    route = replace(PLAN_ROUTE, accepts=RateTickets, queue="rate_tickets")
    assert not feeds.only_schedules(ratings(routes=(route,)), "rate_tickets")
    assert feeds.only_schedules(ratings(routes=(replace(route, retired=True),)), "rate_tickets")
    assert not feeds.only_schedules(ratings(consumers=_that_plan_a_rating()), "rate_tickets")


def _that_plan_a_rating() -> tuple[Consumer, ...]:
    (rater,) = RATINGS.consumers
    return (replace(rater, plans=(Plan(RateTickets, queue="rate_tickets"),)),)


def _events_and_a_plan() -> Topology:
    entry = Subscription(event=TicketOpened, queue="remind_ticket")
    publisher = replace(PLANNER, publishes=(TicketOpened,))
    return reminders(routes=(PLAN_ROUTE,), consumers=(publisher, REMINDER), subscriptions=(entry,))


def _another_command_by_plan() -> Topology:
    planner = replace(PLANNER, plans=(Plan(OpenTicket, queue="remind_ticket"),))
    return reminders(consumers=(planner, REMINDER))


def _another_command_by_schedule() -> Topology:
    schedule = Schedule(name="rate", queue="remind_ticket", sends=RateTickets(language="EN"), every="rate(1 hour)")
    return reminders(routes=(PLAN_ROUTE,), schedules=(schedule,))


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            _another_command_by_plan,
            "Queue 'remind_ticket' gets RemindTicket by Route POST /v1/reminders and OpenTicket by the Plan of "
            "consumer 'plan_ticket', and its consumer accepts one command; give each a queue of its own.",
        ),
        (
            _another_command_by_schedule,
            "Queue 'remind_ticket' gets RateTickets by Schedule 'rate' and RemindTicket by the Plan of consumer "
            "'plan_ticket', and its consumer accepts one command; give each a queue of its own.",
        ),
        (
            _events_and_a_plan,
            "Queue 'remind_ticket' gets RemindTicket by the Plan of consumer 'plan_ticket' and events by Subscription "
            "remind_ticket on TicketOpened, and its consumer accepts one command or some events; give each",
        ),
        (
            lambda: ratings(Limit("crm", rate=1, per="tenant")),
            "Consumer 'rate_tickets', Limit 'crm' is per tenant, and Schedule 'rate_each_minute' has none; give it a "
            "queue of its own, or change per.",
        ),
        (
            lambda: reminders(Limit("crm", rate=1, per="tenant"), routes=(PLAN_ROUTE,)),
            "Limit 'crm' is per tenant, and the Plan of consumer 'plan_ticket' has none of what Route POST /v1/plans "
            "began; change per.",
        ),
        (
            lambda: ratings(Limit("crm", rate=1, per="colour")),
            "Limit 'crm' is per 'colour', and RateTickets has no such field; choose one of tenant, group, ",
        ),
        (
            lambda: reminders(Limit("crm", rate=1, per="colour"), routes=(PLAN_ROUTE,)),
            "Limit 'crm' is per 'colour', and RemindTicket has no such field",
        ),
        (
            lambda: ratings(Limit("crm", rate=1, per="at")),
            "Limit 'crm' is per 'at', which Schedule 'rate_at_six' leaves empty; say it in sends, or change per.",
        ),
    ],
)
def test_what_the_one_handler_could_not_take_is_refused(made: Any, sentence: str) -> None:
    with pytest.raises(TopologyError) as refused:
        made()
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_limits_of_what_has_its_key_are_taken() -> None:
    ratings(Limit("crm", rate=1, per="language"))
    routes = tuple(replace(route, tenant="caller") for route in REMINDERS.routes)
    assert reminders(Limit("crm", rate=1, per="tenant"), routes=routes)
    assert Topology(package="tests.sample", integrations=(Integration("none"),)).queues == ()
