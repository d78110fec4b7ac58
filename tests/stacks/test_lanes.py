"""Lanes are queues with workers of their own: what the map makes of them, and what no map can say."""

from __future__ import annotations

import ast
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from functions.contracts.contract import Command, Event
from functions.contracts.limit import Rule
from functions.runtime.slot import SECOND, interval
from stacks import lane_rules, lanes
from stacks.entry import (
    Access,
    Consumer,
    Integration,
    Lane,
    Lanes,
    Limit,
    Plan,
    Queue,
    Range,
    Route,
    Schedule,
    Subscription,
    Topology,
    TopologyError,
)
from stacks.lanes import Place
from tests.sample.contracts import PlanReminder, RateTickets, TicketTriaged, TriageTicket
from tests.sample.topology import SAMPLE

THREE = Lanes(high=5, normal=3, low=2)
RATE = RateTickets(language="EN")
LONG = "triage_what_every_other_party_asked_for"


class Renamed(Command, frozen=True, kw_only=True, rename="kebab"):
    business_key: ClassVar[str | None] = None
    how_soon: str


class Haste(Enum):
    URGENT = "urgent"
    NONE = "none"


class Hurried(Command, frozen=True, kw_only=True):
    business_key: ClassVar[str | None] = "ticket_id"
    ticket_id: str
    soon: Haste = Haste.URGENT


class Told(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "desk"

    kind: str
    soon: Literal["high", "normal", "low"] | None
    much: Annotated[int, Meta(ge=0, le=100)]
    unbounded: int
    beyond: Annotated[float, Meta(ge=0, le=1e12)]
    many: tuple[str, ...]
    loud: bool
    either: str | int


def desk(
    *,
    queue: dict[str, Any] | None = None,
    consumer: dict[str, Any] | None = None,
    route: dict[str, Any] | None = None,
    **changes: Any,
) -> Topology:
    """One queue with three lanes, a route whose header names them, and what is changed of that."""
    asked: dict[str, Any] = {"path": "/v1/triages", "accepts": TriageTicket, "queue": "triage_ticket"}
    queues = (Queue(**{"name": "triage_ticket", "lanes": THREE, **(queue or {})}), *changes.pop("queues", ()))
    consumers = (
        Consumer(**{"function": "triage_ticket", "concurrency": 10, **(consumer or {})}),
        *changes.pop("consumers", ()),
    )
    routes = (Route(**{**asked, "lane": "X-Priority", **(route or {})}), *changes.pop("routes", ()))
    return Topology(
        package="tests.sample",
        integrations=(Integration("desk", queues=queues, consumers=consumers, routes=routes, **changes),),
    )


def told(lane: Any, *, lanes: Lanes = THREE, event: type[Event] = Told, **changes: Any) -> Topology:
    """The same, and a queue of lanes that an event feeds."""
    return desk(
        consumer={"publishes": (event,)},
        queues=(Queue(name="call_ticket", lanes=lanes),),
        consumers=(Consumer(function="call_ticket", concurrency=10),),
        subscriptions=(Subscription(**{"event": event, "queue": "call_ticket", "lane": lane, **changes}),),
    )


def test_a_queue_with_lanes_is_a_queue_and_a_consumer_for_each_and_the_most_urgent_is_first() -> None:
    access = (Access(table="keys", actions=("PutItem",)),)
    topology = desk(queue={"retention": 3600, "receives": 7}, consumer={"access": access, "timeout": 60})
    assert [(each.name, each.lane, each.retention, each.receives) for each in topology.queues] == [
        ("triage_ticket_high", Place("high", "triage_ticket"), 3600, 7),
        ("triage_ticket", Place("normal", "triage_ticket"), 3600, 7),
        ("triage_ticket_low", Place("low", "triage_ticket"), 3600, 7),
    ]
    assert [(each.function, each.folder, each.concurrency) for each in topology.consumers] == [
        ("triage_ticket_high", "triage_ticket", 5),
        ("triage_ticket", "triage_ticket", 3),
        ("triage_ticket_low", "triage_ticket", 2),
    ]
    assert {(each.access, each.timeout) for each in topology.consumers} == {(access, 60)}
    assert {topology.module(each.function) for each in topology.consumers} == {"tests.sample.triage_ticket.handler"}
    assert topology.routes[0].queues == ("triage_ticket_high", "triage_ticket", "triage_ticket_low")


def test_a_topology_made_of_another_s_integrations_has_no_lane_twice() -> None:
    topology = told("priority", event=TicketTriaged)
    assert Topology(package="tests.sample", integrations=topology.integrations) == topology
    assert replace(topology) == topology


def test_a_consumer_with_a_folder_of_another_name_shares_it_with_its_lanes() -> None:
    topology = desk(consumer={"handler": "call_ticket"})
    assert [each.handler for each in topology.consumers] == ["call_ticket"] * 3


def test_limits_are_shared_so_that_all_lanes_together_keep_them() -> None:
    limit = Limit("crm", rate=10, burst=10, at_once=5)
    parts = [consumer.limits[0] for consumer in desk(consumer={"limits": (limit,)}).consumers]
    assert [(part.rate, part.burst, part.at_once) for part in parts] == [(5, 5, 3), (3, 3, 1), (2, 2, 1)]
    assert {part.name for part in parts} == {"crm"}


@given(st.floats(0.001, 500), st.integers(0, 90), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_the_lanes_together_never_pass_a_limit(rate: float, more: int, high: int, normal: int, low: int) -> None:
    shares = Lanes(high=high, normal=normal, low=low)
    total = lanes.least(shares.shares, 1) + more
    limit = Limit("crm", rate=rate, burst=total, at_once=total)
    parts = [lanes._limit(limit, lane, shares.shares) for lane in lanes.NAMES]
    # A slot each `interval`, which is a whole number of microseconds, rounded up.
    assert sum(SECOND / interval(Rule(name="crm", rate=part.rate)) for part in parts) <= rate * (1 + 1e-9)
    assert sum(part.burst for part in parts) == sum(part.at_once or 0 for part in parts) == total
    assert all(part.burst >= 1 for part in parts)


SHARES = st.fixed_dictionaries(
    {"normal": st.integers(1, 50)}, optional={"high": st.integers(1, 50), "low": st.integers(1, 50)}
)


@given(st.integers(0, 400), SHARES)
def test_parts_are_whole_make_up_the_total_and_none_is_off_by_one(total: int, shares: dict[str, int]) -> None:
    parts = lanes.parts(total, shares)
    assert sum(parts.values()) == total
    whole = sum(shares.values())
    assert all(abs(parts[lane] - total * share / whole) < 1 for lane, share in shares.items())


@given(st.integers(1, 3), SHARES)
def test_the_least_total_gives_each_lane_enough_and_one_less_does_not(each: int, shares: dict[str, int]) -> None:
    total = lanes.least(shares, each)
    assert min(lanes.parts(total, shares).values()) >= each
    assert min(lanes.parts(total - 1, shares).values()) < each


@given(st.integers(0, 300), SHARES)
def test_no_part_of_a_larger_total_is_smaller(total: int, shares: dict[str, int]) -> None:
    before, after = lanes.parts(total, shares), lanes.parts(total + 1, shares)
    assert all(before[lane] <= after[lane] for lane in shares)


def test_what_is_closed_gets_nothing_and_keeps_its_queue() -> None:
    topology = desk(queue={"lanes": replace(THREE, closed=("low",))})
    assert [each.name for each in topology.queues] == ["triage_ticket_high", "triage_ticket", "triage_ticket_low"]
    assert topology.routes[0].queues == ("triage_ticket_high", "triage_ticket")
    subscribed = told(Lane("kind", high=("a",), low=("b",)), lanes=replace(THREE, closed=("low",)))
    assert {each.queue: each.filter for each in subscribed.subscriptions} == {
        "call_ticket_high": {"kind": ["a"]},
        "call_ticket": {"kind": [{"anything-but": ["a"]}, {"exists": False}]},
        "call_ticket_low": {"none": ["none"]},
    }


def test_a_lane_is_fed_directly_too() -> None:
    every_day = Schedule(
        name="rate_daily", queue="rate_tickets_low", sends=RateTickets(language="EN"), every="rate(1 day)"
    )
    topology = desk(
        route={"lane": None},
        routes=(
            Route(path="/v1/urgent", accepts=TriageTicket, queue="triage_ticket_high"),
            Route(path="/v1/plans", accepts=PlanReminder, queue="plan_ticket"),
        ),
        queues=(Queue(name="plan_ticket"), Queue(name="rate_tickets", lanes=Lanes(normal=1, low=1))),
        consumers=(
            Consumer(function="plan_ticket", plans=(Plan(TriageTicket, queue="triage_ticket_low"),)),
            Consumer(function="rate_tickets", concurrency=4),
        ),
        schedules=(every_day, replace(every_day, name="rate_hourly", queue="rate_tickets", every="rate(1 hour)")),
    )
    assert [*topology.delayed()] == ["triage_ticket_low"]
    assert [*topology.scheduled()] == ["rate_tickets", "rate_tickets_low", "plan_command"]


def test_the_lanes_of_a_queue_get_one_command_because_one_handler_takes_it() -> None:
    daily = Schedule(
        name="rate_daily", queue="triage_ticket_low", sends=RateTickets(language="EN"), every="rate(1 day)"
    )
    with pytest.raises(TopologyError, match=r"gets TriageTicket by .* and RateTickets by Schedule 'rate_daily'"):
        desk(schedules=(daily,))


def test_a_route_that_takes_delays_takes_them_in_each_lane() -> None:
    assert [*desk(route={"delay": True}).delayed()] == ["triage_ticket_high", "triage_ticket", "triage_ticket_low"]


SLOW = Route(path="/v1/slow", accepts=TriageTicket, queue="triage_ticket_low")
WRONG: list[tuple[Any, str]] = [
    (
        lambda: desk(queue={"lanes": replace(THREE, closed=("low",))}, routes=(SLOW,)),
        "Route POST /v1/slow feeds lane low of 'triage_ticket', which is closed; name 'triage_ticket' in its place, or",
    ),
    (
        lambda: desk(route={"accepts": Hurried, "lane": Lane("soon", high=("urgent",))}),
        "Hurried.soon is 'urgent' where a request leaves it out, and that goes to lane normal; choose a default",
    ),
    (
        lambda: told(Lane("much", high=Range(below="10"))),  # type: ignore[arg-type]
        "Range(at_least=None, below='10') begins or ends at what is no number; write one such as Range(below=10).",
    ),
    (lambda: told(Lane("much", high=Range(below=float("nan")))), "begins or ends at what is no number"),
    (lambda: told(Lane("much", high=Range(below=True))), "begins or ends at what is no number"),
    (lambda: desk(queue={"lanes": {"high": 1}}), "Queue 'triage_ticket': lanes is one dict; write lanes=Lanes("),
    (
        lambda: desk(queue={"lanes": None, "lane": Place("high", "triage")}),
        "Queue 'triage_ticket': lane is for the topology to say; leave it out, and write lanes=Lanes(…).",
    ),
    (lambda: desk(queue={"fifo": True}), "Queue 'triage_ticket' is FIFO, and lanes would take messages of one group"),
    (lambda: desk(queue={"lanes": Lanes(normal=1)}), "Queue 'triage_ticket' has one lane, which is a queue without"),
    (lambda: desk(queue={"lanes": Lanes(high=0, normal=1)}), "the share of lane high is 0; choose a whole number from"),
    (lambda: desk(queue={"lanes": Lanes(high=1.5, normal=1)}), "the share of lane high is 1.5; choose a whole"),  # type: ignore[arg-type]
    (lambda: desk(queue={"lanes": Lanes(high=True, normal=1)}), "the share of lane high is True; choose a whole"),
    (lambda: desk(queue={"lanes": Lanes(high=1001, normal=1)}), "the share of lane high is 1001; choose a whole"),
    (lambda: desk(queue={"lanes": replace(THREE, closed="low")}), "closed is 'low', and a tuple belongs there"),  # type: ignore[arg-type]
    (lambda: desk(queue={"lanes": replace(THREE, closed=("normal",))}), "closes lane 'normal'; it can close 'high' or"),
    (
        lambda: desk(queue={"lanes": Lanes(high=1, normal=1, closed=("low",))}),
        "closes lane 'low'; it can close 'hi",
    ),
    (lambda: desk(queue={"name": LONG}), f"Queue '{LONG}': its lane is called '{LONG}_high', and a name is at most 40"),
    (
        lambda: desk(queues=(Queue(name="triage_ticket_low"),), consumers=(Consumer(function="triage_ticket_low"),)),
        "Queue 'triage_ticket': its lane low is called 'triage_ticket_low', and another entry is so called; rename",
    ),
    (lambda: desk(consumer={"function": "other"}), "Queue 'triage_ticket' has no consumer; add Consumer(function="),
    (lambda: desk(consumer={"concurrency": None}), "'triage_ticket' has lanes, which share its concurrency; set"),
    (lambda: desk(consumer={"concurrency": None}), "set concurrency, to 8 or more."),
    (
        lambda: desk(consumer={"concurrency": 6}),
        "Consumer 'triage_ticket': concurrency 6 in shares of 5:3:2 leaves a lane less than 2, the least that Lambda "
        "takes; set it to 8 or more.",
    ),
    (
        lambda: desk(consumer={"limits": (Limit("crm", rate=10),)}),
        "Consumer 'triage_ticket', Limit 'crm': burst 1 in shares of 5:3:2 leaves a lane without any; set it to 3 or",
    ),
    (lambda: desk(consumer={"limits": (Limit("crm", at_once=2),)}), "at_once 2 in shares of 5:3:2 leaves a lane"),
    (
        lambda: desk(queue={"lanes": None}),
        "Route POST /v1/triages chooses a lane, and queue 'triage_ticket' has none; give it lanes=Lanes(…), or drop",
    ),
    (lambda: desk(route={"lane": "x-priority"}), "lane 'x-priority' is neither a field of TriageTicket nor a header's"),
    (lambda: desk(route={"lane": "X Priority"}), "lane 'X Priority' is neither a field of TriageTicket nor a header's"),
    (lambda: desk(route={"lane": "Idempotency-Key"}), "header 'Idempotency-Key' means something else already; choose"),
    (
        lambda: desk(route={"lane": "X-Tenant", "tenant": "X-Tenant", "trusts": ("iam",)}),
        "header 'X-Tenant' means something else already; choose another",
    ),
    (lambda: desk(route={"lane": "language"}), "TriageTicket.language may say more than high, normal, low; give it"),
    (lambda: desk(queue={"lanes": Lanes(high=1, normal=1)}, route={"lane": "priority"}), "may say more than high, nor"),
    (lambda: desk(route={"lane": 5}), "Route POST /v1/triages: lane is one int; name a field, or write Lane(field"),
    (lambda: desk(route={"lane": Lane("color", high=("red",))}), "is chosen by 'color', which is no field of Triage"),
    (lambda: desk(route={"lane": Lane("language")}), "language chooses the lane by no value; say high=(…,), low="),
    (lambda: desk(route={"lane": Lane("language", high="DE")}), "'DE' means a lane, and a tuple belongs there; write"),  # type: ignore[arg-type]
    (lambda: desk(route={"lane": Lane("language", high=("DE'",))}), 'chooses a lane by "DE\'"; write 1 to 100 letters'),
    (lambda: desk(route={"lane": Lane("language", high=("de",))}), "by 'de', which it can never be; correct it."),
    (lambda: desk(route={"lane": Lane("angry", high=("true",))}), "by 'true', which it can never be; correct it."),
    (lambda: desk(route={"lane": Lane("language", high=("DE",), low=("DE",))}), "a lane by 'DE' twice; remove one."),
    (lambda: desk(route={"lane": Lane("language", high=("EN",))}), "language is 'EN' where a request leaves it out"),
    (lambda: desk(route={"lane": Lane("language", high=Range(below=1))}), "a template of API Gateway compares no num"),
    (
        lambda: desk(queue={"lanes": Lanes(high=1, normal=1)}, route={"lane": Lane("language", low=("DE",))}),
        "chooses lane 'low', which the queue does not have; it has high, normal.",
    ),
    (
        lambda: desk(route={"accepts": Renamed, "lane": Lane("how_soon", high=("now",))}),
        "Renamed.how_soon is 'how-soon' in JSON, which is no plain word; choose by another field.",
    ),
    (lambda: desk(route={"lane": None}), "'triage_ticket_high', lane high of triage_ticket, is fed by nothing; let"),
    (
        lambda: replace(
            SAMPLE,
            integrations=(
                *SAMPLE.integrations[:2],
                replace(
                    SAMPLE.integrations[2],
                    queues=(Queue(name="receive_webhook", lanes=THREE),),
                    consumers=(replace(SAMPLE.integrations[2].consumers[0], concurrency=10),),
                    routes=(replace(SAMPLE.integrations[2].routes[0], lane="X-Priority"),),
                ),
            ),
        ),
        "Route POST /v1/webhooks/{source}: a webhook's sender knows nothing of lanes; drop lane.",
    ),
    (lambda: told("kind"), "Subscription call_ticket on Told: Told.kind may say more than high, normal, low; give it"),
    (lambda: told("soon"), "Told.soon may be null, which a pattern in a template cannot say; leave it out instead."),
    (lambda: told(Lane("kind", high=("a",)), queue="other"), "chooses a lane, and queue 'other' has none; give it"),
    (
        lambda: told(Lane("kind", high=("a",)), filter={"$or": [{"much": [1]}, {"kind": ["b"]}]}),
        "Subscription call_ticket on Told: its filter is about 'kind', which chooses the lane; narrow it by another",
    ),
    (lambda: told(Lane("many", high=("a",))), "Told.many chooses the lane, and is not text, true or false, or a whole"),
    (lambda: told(Lane("either", high=("a",))), "Told.either chooses the lane, and is not text, true or false, or a"),
    (lambda: told(Lane("much", high=Range())), "Told.much: Range() is every number; set at_least, below, or both."),
    (lambda: told(Lane("much", high=Range(at_least=5, below=5))), "no number is at least 5 and below 5; correct it."),
    (lambda: told(Lane("much", high=Range(at_least=6e9))), "a bound is beyond 5,000,000,000, which EventBridge"),
    (
        lambda: told(Lane("much", high=Range(at_least=5), low=Range(below=6))),
        "Told.much: some numbers mean both high and low; let one range begin where the other ends.",
    ),
    (lambda: told(Lane("much", high=Range(at_least=5), low=(1,))), "chooses one lane by a range and another by values"),
    (lambda: told(Lane("kind", high=Range(at_least=5))), "Told.kind chooses the lane by a range, and is no number"),
    (lambda: told(Lane("unbounded", high=Range(at_least=5))), "Told.unbounded has no bounds, and EventBridge compares"),
    (lambda: told(Lane("beyond", high=Range(at_least=5))), "Told.beyond has no bounds, and EventBridge compares"),
]


@pytest.mark.parametrize(("made", "sentence"), WRONG, ids=[sentence[:60] for _, sentence in WRONG])
def test_what_makes_no_sense_is_refused_with_one_sentence(made: Any, sentence: str) -> None:
    with pytest.raises(TopologyError) as refused:
        made()
    said = str(refused.value)
    assert sentence in said
    assert "\n" not in said
    assert said.endswith(".")


def test_every_rule_of_lanes_has_an_entry_that_breaks_it() -> None:
    said = []
    for made, _ in WRONG:
        with pytest.raises(TopologyError) as refused:
            made()
        said.append(str(refused.value))
    tree = ast.parse(Path(lane_rules.__file__).read_text())
    yielded = [node.value for node in ast.walk(tree) if isinstance(node, ast.Yield)]
    sentences = [each for each in yielded if isinstance(each, ast.JoinedStr)]
    assert len(sentences) > 30
    for sentence in sentences:
        words = max((str(part.value) for part in sentence.values if isinstance(part, ast.Constant)), key=len)
        assert any(words in each for each in said), words
