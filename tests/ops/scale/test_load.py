"""What goes where: rates follow events to every subscriber, and a flow begins where nothing leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.contracts.plan import PLAN_COMMAND
from ops.errors import UsageError
from ops.scale.basis import Basis
from ops.scale.load import Load, starts
from ops.scale.quotas import Quotas
from ops.scale.scaling import Scaling
from stacks.entry import Consumer, Integration, Plan, Queue, Route, Subscription, Topology
from tests.ops.scale.places import CHANGE, OPEN, small
from tests.sample.contracts import OpenTicket, RemindTicket, TicketAssigned, TicketOpened
from tests.sample.delayed import DELAYED
from tests.sample.followed import FOLLOWED
from tests.sample.topology import SAMPLE
from tests.stacks.templates import settings_of


def load(topology: Topology, name: str, rate: float = 100, **shares: float) -> Load:
    (start,) = [start for start in starts(topology) if start.name == name]
    return Load(topology, [start], rate, {key.replace("_on_", " on "): value for key, value in shares.items()})


def test_an_event_reaches_every_subscriber_whole() -> None:
    found = load(small(), OPEN)
    assert found.routes == {OPEN: 100}
    assert found.subscriptions == {"assign_ticket on TicketOpened": 100, "mail_ticket on TicketOpened": 100}
    assert list(found.consumers.items()) == [("open_ticket", 100), ("assign_ticket", 100), ("mail_ticket", 100)]
    assert load(small(), CHANGE).consumers == {"change_ticket": 100}


def test_a_share_of_an_event_and_one_of_a_subscription_multiply() -> None:
    found = load(small(), OPEN, TicketOpened=0.5, mail_ticket_on_TicketOpened=0.2)
    assert found.consumers == {"open_ticket": 100, "assign_ticket": 50, "mail_ticket": 10}


def test_a_queue_that_two_ways_lead_to_has_the_sum() -> None:
    found = Load(SAMPLE, SAMPLE.routes[:2], 100)
    # Tickets that were opened are assigned, and then closed; so are those that were changed.
    assert found.consumers["close_ticket"] == 200
    assert found.subscriptions["close_ticket on TicketAssigned"] == 100


def test_a_circle_of_events_ends() -> None:
    again = Integration(
        "again",
        routes=(Route(path="/v1/tickets", accepts=OpenTicket, queue="open_ticket"),),
        queues=(Queue(name="open_ticket"), Queue(name="assign_ticket"), Queue(name="close_ticket")),
        consumers=(
            Consumer(function="open_ticket", publishes=(TicketOpened,)),
            Consumer(function="assign_ticket", publishes=(TicketAssigned,)),
            Consumer(function="close_ticket", publishes=(TicketOpened,)),
        ),
        subscriptions=(
            Subscription(event=TicketOpened, queue="assign_ticket"),
            Subscription(event=TicketAssigned, queue="close_ticket"),
        ),
    )
    found = load(Topology(integrations=(again,), package="tests.sample"), OPEN, 1)
    assert found.consumers == {"open_ticket": 1, "assign_ticket": 1, "close_ticket": 1}


def test_what_nothing_leads_to_is_a_start_of_its_own() -> None:
    (tickets,) = small().integrations
    retired = replace(tickets, routes=(replace(tickets.routes[0], retired=True), tickets.routes[1]))
    topology = Topology(integrations=(retired,), package="tests.sample")
    assert [start.name for start in starts(topology)] == [
        CHANGE,
        "assign_ticket on TicketOpened",
        "mail_ticket on TicketOpened",
    ]
    assert load(topology, "mail_ticket on TicketOpened").consumers == {"mail_ticket": 100}
    gone = Topology(integrations=(replace(tickets, retired=True),), package="tests.sample")
    assert starts(gone) == []


def test_what_is_planned_goes_through_what_plans_and_comes_once_more() -> None:
    found = load(DELAYED, "POST /v1/plans")
    assert list(found.consumers.items()) == [("plan_ticket", 100), (PLAN_COMMAND, 100), ("remind_ticket", 100)]
    assert load(DELAYED, "POST /v1/plans", RemindTicket=0.1).consumers["remind_ticket"] == 10


def test_a_chain_of_plans_ends() -> None:
    (reminders,) = (each for each in DELAYED.integrations if not each.is_planning)
    planner, reminder = reminders.consumers
    again = replace(reminder, plans=(Plan(RemindTicket, queue="remind_ticket"),))
    topology = replace(DELAYED, integrations=(replace(reminders, consumers=(planner, again)),))
    assert load(topology, "POST /v1/plans").consumers["remind_ticket"] == 100


def test_paths_of_plans_have_every_hop_of_theirs() -> None:
    basis = Basis(DELAYED, settings_of("dev"), Quotas("eu-central-1", {}))
    (path,) = Scaling(basis, 100, only=["POST /v1/plans"]).paths()
    assert {"plan_ticket", PLAN_COMMAND, "remind_ticket"} <= {hop.name for hop in path.hops}
    with pytest.raises(UsageError, match="no event, subscription or planned command 'Nothing'"):
        Scaling(basis, 100, shares={"Nothing": 1})
    Scaling(basis, 100, shares={"RemindTicket": 0.5})


def test_what_a_workflow_tells_where_something_fails_is_no_part_of_the_load() -> None:
    reached = Load(FOLLOWED, [*FOLLOWED.routes], 1).subscriptions
    assert {name for name in reached if name.startswith("plan_visit on")} >= {"plan_visit on VanReserved"}
    assert not {"return_van on VanReturnAsked", "plan_visit on MessageDied", "plan_visit on VanReturned"} & set(reached)
