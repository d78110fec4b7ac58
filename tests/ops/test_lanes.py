"""The operator's command shows the lanes of a queue together, the most urgent first, and counts them as one flow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ops.cli.app import app
from ops.cli.flow_frame import frame
from ops.cli.request_tree import tree
from ops.cost.costing import Costing
from ops.cost.prices import Prices
from ops.depth import depths
from ops.observe.logs import read
from ops.observe.request_path import path
from ops.observe.watch import Watch
from ops.scale.load import Load
from ops.stage import Stage
from stacks import names
from stacks.entry import Consumer, Integration, Lanes, Queue, Subscription, Topology
from stacks.settings import Settings
from tests.ops.lines import START, answered, handled
from tests.ops.sight import Insights, Queues
from tests.sample.laned import LANED

LANES = ["triage_ticket_high", "triage_ticket", "triage_ticket_low"]
ROUTE = "/v1/triages"
REQUEST = f"POST {ROUTE}"
SETTINGS = Settings(stage="prod", email_sender="a@example.com")


def stage(**clients: Any) -> Stage:
    return Stage(names.LOCAL, "us-east-1", "http://127.0.0.1:1", LANED, botocore.session.Session(), _clients=clients)


class Mappings:
    """Lambda, where every mapping takes messages."""

    def list_event_source_mappings(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - botocore's name
        arn = f"arn:aws:sqs:us-east-1:000000000000:{FunctionName}"
        return {"EventSourceMappings": [{"EventSourceArn": arn, "State": "Enabled"}]}


def shown(what: Any, width: int) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def test_queues_says_which_lane_each_is() -> None:
    found = depths(stage(sqs=Queues(), **{"lambda": Mappings()}))
    told = [(each.queue, each.kind, each.lane) for each in found if each.queue.startswith("triage_ticket")]
    assert told == [
        (word + ending, kind, lane)
        for word, lane in zip(LANES, ("high", "normal", "low"), strict=True)
        for ending, kind in (("", "work"), ("-dlq", "dead"))
    ]


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_list_of_queues_has_the_lane_beside_the_name(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    opened = stage(sqs=Queues({names.queue(names.LOCAL, LANES[2]): 7}), **{"lambda": Mappings()})
    monkeypatch.setattr("ops.cli.look.opened", lambda *_: opened)
    monkeypatch.setenv("COLUMNS", columns)
    ran = CliRunner().invoke(app, ["queues"], obj=LANED)
    assert ran.exit_code == 0, ran.output
    lines = [line.split() for line in ran.output.splitlines() if line.strip().startswith("triage_ticket")]
    works = [line for line in lines if not line[0].endswith("-dlq")]
    assert [line[:3] for line in works] == [
        [LANES[0], "high", "0"],
        [LANES[1], "normal", "0"],
        [LANES[2], "low", "7"],
    ]


@pytest.mark.parametrize("width", [80, 120, 170])
def test_watch_shows_the_lanes_of_a_route_below_one_another(width: int) -> None:
    lines = [handled("triage_ticket_low", "m1", 90), answered(route=ROUTE)]
    now = Watch(stage(sqs=Queues(), logs=Insights(lines))).look()
    text = shown(frame(now, LANED, width), width)
    places = [text.index(f"{word} {lane}") for word, lane in zip(LANES, ("high", "normal", "low"), strict=True)]
    assert places == sorted(places)
    assert text.count(REQUEST) == 1
    assert text.index(REQUEST) < places[0]
    assert "nothing" not in text.partition("\nplanning")[0]


@pytest.mark.parametrize("word", LANES)
def test_a_request_is_found_in_whatever_lane_it_is(word: str) -> None:
    lines = [answered(route=ROUTE), handled(word, "m1", 90, received_at=str(START), sent=10)]
    found = path("corr-1", [line for text in lines if (line := read(text)) is not None], LANED, ())
    (request,) = found.requests
    assert [each.queue for each in request.deliveries] == [word]
    assert request.awaited == []
    assert word in shown(tree(found, 200), 200)


def test_a_request_is_found_in_a_lane_that_was_closed_since() -> None:
    desk = LANED.integration("desk")
    shut = Lanes(high=1, normal=1, low=1, closed=("low",))
    queues = (Queue(name="triage_ticket", lanes=shut),)
    consumers = (Consumer(function="triage_ticket", concurrency=6),)
    routes = (replace(desk.routes[0], lane="X-Priority"),)
    closed = Topology(
        package=LANED.package, integrations=(Integration("desk", queues=queues, consumers=consumers, routes=routes),)
    )
    assert closed.routes[0].queues == tuple(LANES[:2])
    lines = [answered(route=ROUTE), handled("triage_ticket_low", "m1", 90, received_at=str(START), sent=10)]
    (request,) = path("corr-1", [line for text in lines if (line := read(text)) is not None], closed, ()).requests
    assert [each.queue for each in request.deliveries] == ["triage_ticket_low"]
    assert request.awaited == []


def test_a_request_that_nobody_handled_is_awaited_in_one_of_its_lanes() -> None:
    line = read(answered(route=ROUTE))
    assert line is not None
    (request,) = path("corr-1", [line], LANED, ()).requests
    assert request.awaited == ["triage_ticket_high or triage_ticket or triage_ticket_low"]


def test_what_comes_is_shared_as_the_lanes_are_and_an_event_reaches_one_of_them() -> None:
    (route,) = LANED.routes
    load = Load(LANED, [route], 80)
    assert load.consumers == {
        "triage_ticket_high": 40,
        "triage_ticket": 20,
        "triage_ticket_low": 20,
        "call_ticket_high": 40,
        "call_ticket": 40,
    }
    said = Load(LANED, [route], 80, {"call_ticket_high on TicketTriaged": 0.25, "call_ticket on TicketTriaged": 0.75})
    assert (said.consumers["call_ticket_high"], said.consumers["call_ticket"]) == (20, 60)


def test_an_event_costs_what_one_lane_costs() -> None:
    rows = {row.name: row for row in Costing(LANED, SETTINGS, Prices.of("us-east-1")).rows()}
    onward, cost = rows[REQUEST].onward.total, rows[REQUEST].cost.total
    one = rows["call_ticket_high on TicketTriaged"].onward.total
    assert onward == pytest.approx(cost + one)


def test_two_lanes_that_are_fed_directly_each_get_the_event() -> None:
    desk = LANED.integration("desk")
    both = tuple(Subscription(event=each.event, queue=each.queue) for each in desk.subscriptions)
    topology = Topology(package=LANED.package, integrations=(replace(desk, subscriptions=both),))
    load = Load(topology, list(topology.routes), 80)
    assert (load.consumers["call_ticket_high"], load.consumers["call_ticket"]) == (80, 80)
