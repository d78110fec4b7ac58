"""A closed lane gets nothing new, and what it holds or was planned for it is handled as before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacks import feeds, names, status
from stacks.entry import Consumer, Plan, Queue, Route, Schedule, Subscription, Topology, TopologyError
from stacks.lanes import NOTHING
from tests.sample.contracts import PlanReminder, RateTickets, TriageTicket
from tests.stacks.templates import synthesize
from tests.stacks.test_lanes import THREE, Told, desk

SHUT = replace(THREE, closed=("low",))


def test_what_is_in_a_closed_lane_is_handled_planned_and_told_of_as_before() -> None:
    route = {"tracked": True, "delay": True}
    before = desk(route=route)
    after = desk(queue={"lanes": replace(THREE, closed=("low",))}, route=route)
    for each in (before, after):
        assert [*each.delayed()] == [queue.name for queue in each.queues if queue.name != "plan_command"]
        desk_of = each.integration("desk")
        assert desk_of.takes_delays("triage_ticket_low")
        assert status.variable(desk_of, "triage_ticket_low") == '{"POST /v1/triages":null}'
        assert feeds.contracts(each, "triage_ticket_low") == (TriageTicket,)
    assert [feed.is_open for feed in feeds.of(after, "triage_ticket_low")] == [False]
    assert [feed.is_open for feed in feeds.of(after, "triage_ticket")] == [True]


def test_what_was_planned_for_a_lane_that_is_closed_since_still_arrives() -> None:
    def planning(queue: str, closed: tuple[str, ...]) -> Topology:
        return desk(
            queue={"lanes": replace(THREE, closed=closed)},
            routes=(Route(path="/v1/plans", accepts=PlanReminder, queue="plan_ticket"),),
            queues=(Queue(name="plan_ticket"),),
            consumers=(Consumer(function="plan_ticket", plans=(Plan(TriageTicket, queue=queue),)),),
        )

    assert [*planning("triage_ticket_low", ()).delayed()] == ["triage_ticket_low"]
    assert [*planning("triage_ticket", ("low",)).delayed()] == ["triage_ticket", "triage_ticket_low"]
    assert [*planning("triage_ticket", ()).delayed()] == ["triage_ticket"]


@pytest.mark.parametrize(
    ("fed", "entry"),
    [
        ({"routes": (Route(path="/v1/slow", accepts=TriageTicket, queue="triage_ticket_low"),)}, "Route POST /v1/slow"),
        (
            {
                "schedules": (
                    Schedule(
                        name="rate_daily",
                        queue="triage_ticket_low",
                        sends=RateTickets(language="EN"),
                        every="rate(1 day)",
                    ),
                )
            },
            "Schedule 'rate_daily'",
        ),
        (
            {"subscriptions": (Subscription(event=Told, queue="triage_ticket_low"),)},
            "Subscription triage_ticket_low on Told",
        ),
    ],
)
def test_what_feeds_a_closed_lane_by_its_name_is_refused_with_one_sentence(fed: dict[str, Any], entry: str) -> None:
    with pytest.raises(TopologyError) as refused:
        desk(queue={"lanes": SHUT}, **fed)
    assert str(refused.value) == (
        f"{entry} feeds lane low of 'triage_ticket', which is closed; name 'triage_ticket' in its place, or open the "
        "lane."
    )


def test_what_feeds_it_no_more_is_no_matter() -> None:
    route = Route(path="/v1/slow", accepts=TriageTicket, queue="triage_ticket_low", retired=True)
    topology = desk(queue={"lanes": SHUT}, routes=(route,))
    assert replace(topology) == topology, "made of itself, it says what is closed in other words"


def test_a_subscription_that_takes_nothing_any_more_keeps_what_was_not_delivered() -> None:
    stopped = Subscription(event=Told, queue="call_ticket_low", filter=NOTHING)
    topology = desk(
        consumer={"publishes": (Told,)},
        queues=(Queue(name="call_ticket", lanes=SHUT),),
        consumers=(Consumer(function="call_ticket", concurrency=10),),
        subscriptions=(
            Subscription(event=Told, queue="call_ticket"),
            Subscription(event=Told, queue="call_ticket_high"),
            stopped,
        ),
    )
    assert stopped in topology.subscriptions


def test_its_function_and_the_scheduler_may_do_what_they_could(tmp_path: Path) -> None:
    templates = synthesize(tmp_path, "dev", desk(queue={"lanes": SHUT}, route={"tracked": True, "delay": True}))
    told = ("PLAN_QUEUE_URL", "TABLE_PLANNED", "TABLE_REQUESTS", "TRACKED")
    normal, low = (
        {name: templates.function(word)["Environment"]["Variables"].get(name) for name in told}
        for word in ("triage_ticket", "triage_ticket_low")
    )
    assert low == normal
    assert None not in low.values()
    planner, api = (json.dumps(templates.stacks[each]) for each in (names.PLANNING, "ingress"))
    queue = f':{names.queue("dev", "triage_ticket_low")}"'
    assert planner.count(queue) == 2, "its schedules' role, and plan_command"
    assert queue not in api, "nothing new goes there"
