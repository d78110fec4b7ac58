"""Lanes come and go, and nobody who is at work lacks anything while that is deployed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stacks import names
from stacks.entry import Consumer, Integration, Lane, Lanes, Queue, Route, Subscription, Topology
from tests.sample.contracts import TicketTriaged, TriageTicket
from tests.stacks.changes import Deployment, Place, Side
from tests.stacks.test_changes import side

THREE = Lanes(high=1, normal=1, low=1)
TWO = Lanes(high=1, normal=1)
BY_FIELD = Lane("language", high=("DE",), low=("FR",))
LIVES = {
    "plain": None,
    "three": THREE,
    "closed": replace(THREE, closed=("low",)),
    "two": TWO,
    "last": replace(TWO, closed=("high",)),
}


def desk(lanes: Lanes | None) -> Topology:
    """A queue that a route feeds, and one that an event does, both with these lanes."""
    lane = None if lanes is None else BY_FIELD if lanes.low else replace(BY_FIELD, low=())
    integration = Integration(
        "desk",
        routes=(Route(path="/v1/triages", accepts=TriageTicket, queue="triage_ticket", lane=lane),),
        queues=(Queue(name="triage_ticket", lanes=lanes), Queue(name="call_ticket", lanes=lanes)),
        consumers=(
            Consumer(function="triage_ticket", concurrency=6, publishes=(TicketTriaged,)),
            Consumer(function="call_ticket", concurrency=6),
        ),
        subscriptions=(Subscription(event=TicketTriaged, queue="call_ticket", lane=lane),),
    )
    return Topology(package="tests.sample", integrations=(integration,))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Side]:
    return {life: side(tmp_path_factory.mktemp(life), desk(lanes)) for life, lanes in LIVES.items()}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("plain", "three"),
        ("three", "closed"),
        ("closed", "two"),
        ("two", "last"),
        ("last", "plain"),
        ("closed", "three"),
        ("two", "three"),
        ("plain", "two"),
    ],
)
def test_nobody_at_work_lacks_anything_while_lanes_change(sides: dict[str, Side], before: str, after: str) -> None:
    deployment = Deployment(sides[before], sides[after])
    workers = {place for each in (deployment.before, deployment.after) for place, _, _ in each.at_work()}
    assert any(map(deployment.step, workers)), "something changes"
    assert deployment.lacking() == []


def test_a_lane_that_goes_at_once_is_lacked_by_the_api_as_it_is_deployed(sides: dict[str, Side]) -> None:
    lacking = " ".join(Deployment(sides["three"], sides["two"]).lacking())
    assert "triage_ticket_low" in lacking, "which is why it is closed first"


def test_no_event_falls_between_the_rules_while_they_change(sides: dict[str, Side]) -> None:
    def after(life: str, queue: str) -> set[str]:
        """The queues whose rules change before that queue's."""
        rules = {place: properties["Name"] for place, properties in sides[life].of("AWS::Events::Rule")}
        (place,) = (each for each, name in rules.items() if name == names.rule("dev", queue, "TicketTriaged"))
        found = {rules.get(Place(place.stack, each), "") for each in sides[life].references(place)}
        return {name.removeprefix(names.resource("dev", "")).partition("-on-")[0] for name in found if name}

    assert after("three", "call_ticket") == {"call_ticket_high", "call_ticket_low"}
    assert after("closed", "call_ticket") == {"call_ticket_high"}
    assert after("closed", "call_ticket_low") == {"call_ticket"}, "normal has them before the lane gives them up"


def test_what_a_deployment_keeps_is_the_normal_queue_and_its_function(sides: dict[str, Side]) -> None:
    def named(life: str, kind: str) -> dict[str, str]:
        found = {}
        for place, properties in sides[life].of(kind):
            name = properties.get("QueueName") or properties.get("FunctionName", "")
            found[name] = place.logical_id
        return found

    for kind in ("AWS::SQS::Queue", "AWS::Lambda::Function"):
        plain, laned = named("plain", kind), named("three", kind)
        assert plain.items() <= laned.items(), "same names, same logical ids: CloudFormation replaces none"
