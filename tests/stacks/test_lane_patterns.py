"""Every event reaches one lane and no more, as another implementation of EventBridge's patterns judges it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from moto.events.models import EventPattern

from functions.contracts.contract import Event
from stacks.entry import Consumer, Integration, Lane, Lanes, Queue, Range, Subscription, Topology

LOWEST, HIGHEST = -1000, 1000


class Told(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Every field may be missing, as in an event that was published before the field was there."""

    source: ClassVar[str] = "desk"

    kind: str = ""
    soon: Literal["high", "normal", "low"] = "normal"
    loud: bool = False
    much: Annotated[int, msgspec.Meta(ge=LOWEST, le=HIGHEST)] = 0
    exact: Annotated[float, msgspec.Meta(ge=LOWEST, le=HIGHEST)] = 0
    other: str = ""


PUBLISHER = Integration(
    "publisher",
    queues=(Queue(name="plan_ticket"),),
    consumers=(Consumer(function="plan_ticket", publishes=(Told,)),),
    subscriptions=(Subscription(event=Told, queue="plan_ticket"),),
)


def subscribed(lane: str | Lane, **changes: Any) -> dict[str, dict[str, Any]]:
    """The pattern of an event's data for each queue of three lanes."""
    lanes = Lanes(high=1, normal=1, low=1, closed=changes.pop("closed", ()))
    integration = Integration(
        "desk",
        queues=(Queue(name="call_ticket", lanes=lanes),),
        consumers=(Consumer(function="call_ticket", concurrency=6),),
        subscriptions=(
            Subscription(event=Told, queue="call_ticket", lane=lane, **changes),
            # A lane that no value means is fed directly, as every queue must be by something.
            *(
                Subscription(event=Other, queue=f"call_ticket_{name}")
                for name in ("high", "low")
                if isinstance(lane, Lane) and name not in lane.said and name not in lanes.closed
            ),
        ),
    )
    topology = Topology(package="tests.sample", integrations=(PUBLISHER, integration))
    return {
        each.queue: dict(each.filter)
        for each in topology.subscriptions
        if each.event is Told and each.queue != "plan_ticket"
    }


class Other(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "billing.invoices"


def reached(patterns: dict[str, dict[str, Any]], data: dict[str, Any]) -> list[str]:
    """The queues that an event with the data reaches."""
    event: Any = {"data": data}
    judged = {queue: EventPattern(None, {"data": pattern}) for queue, pattern in patterns.items()}
    return [queue for queue, pattern in judged.items() if pattern.matches_event(event)]


VALUES = st.sampled_from(["DE", "AT", "FR", "EN", "d", "D E"])
NUMBERS = st.integers(LOWEST - 5, HIGHEST + 5)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.one_of(VALUES, st.text(max_size=3)),
        "soon": st.sampled_from(["high", "normal", "low"]),
        "loud": st.booleans(),
        "much": st.integers(LOWEST, HIGHEST),
        "exact": st.floats(LOWEST, HIGHEST, allow_nan=False).map(lambda number: round(number, 6)),
        "other": VALUES,
    },
)


FIELDS: list[tuple[str, list[Any]]] = [
    ("kind", ["DE", "AT", "FR", "EN"]),
    ("loud", [True, False]),
    ("much", [-1, 0, 1, 7]),
    ("soon", ["low"]),
]
"""A field each, and the values that may mean a lane."""


@st.composite
def by_values(draw: st.DrawFn) -> Lane:
    field, values = draw(st.sampled_from(FIELDS))
    chosen = draw(st.permutations(values))
    at = draw(st.integers(0, len(chosen)))
    to = draw(st.integers(at, len(chosen)))
    high, low = tuple(chosen[:at]), tuple(chosen[at:to])
    return Lane(field, high=high, low=low) if high or low else Lane(field, high=(chosen[0],))


@st.composite
def by_ranges(draw: st.DrawFn) -> Lane:
    field = draw(st.sampled_from(["much", "exact"]))
    bounds = sorted(draw(st.lists(NUMBERS, min_size=2, max_size=4, unique=True)))
    first, last = draw(st.booleans()), draw(st.booleans())
    one = Range(at_least=None if first else bounds[0], below=bounds[1])
    two = Range(at_least=bounds[-2] if len(bounds) > 2 else bounds[1], below=None if last else bounds[-1] + 1)
    said: dict[str, Range] = draw(st.sampled_from([{"high": one, "low": two}, {"high": two, "low": one}, {"low": two}]))
    return Lane(field, **said)


def meant(lane: Lane, data: dict[str, Any]) -> str:
    """The queue of the lane that the map means, read by hand."""
    said = data.get(lane.field)
    for name, means in lane.said.items():
        if said is None:
            continue
        holds = means.holds(said) if isinstance(means, Range) else any(said is each or said == each for each in means)
        if holds and isinstance(said, bool) == (not isinstance(means, Range) and isinstance(means[0], bool)):
            return f"call_ticket_{name}"
    return "call_ticket"


@given(st.one_of(by_values(), by_ranges()), EVENTS)
def test_every_event_reaches_exactly_the_lane_that_the_map_means(lane: Lane, data: dict[str, Any]) -> None:
    assert reached(subscribed(lane), data) == [meant(lane, data)]


@given(EVENTS)
def test_a_field_that_names_the_lane_is_followed(data: dict[str, Any]) -> None:
    said = data.get("soon", "normal")
    assert reached(subscribed("soon"), data) == ["call_ticket" if said == "normal" else f"call_ticket_{said}"]


@given(st.one_of(by_values(), by_ranges()), EVENTS, st.sampled_from([("low",), ("high",), ("high", "low")]))
def test_what_a_closed_lane_would_get_goes_to_normal(lane: Lane, data: dict[str, Any], closed: tuple[str, ...]) -> None:
    queue = meant(lane, data)
    expected = "call_ticket" if queue.rpartition("_")[2] in closed else queue
    assert reached(subscribed(lane, closed=closed), data) == [expected]


@given(by_values().filter(lambda lane: lane.field != "soon"), EVENTS)
def test_a_filter_narrows_every_lane(lane: Lane, data: dict[str, Any]) -> None:
    patterns = subscribed(lane, filter={"other": ["DE", "AT"]})
    assert reached(patterns, data) == ([meant(lane, data)] if data.get("other") in ("DE", "AT") else [])


def test_the_patterns_are_json_without_null_which_cloudformation_refuses() -> None:
    for lane in (Lane("kind", high=("DE",)), Lane("loud", high=(True,)), Lane("much", low=Range(below=5))):
        assert "null" not in json.dumps(subscribed(lane))
    assert replace(Lane("kind", high=("DE",)), low=()).said == {"high": ("DE",)}
