"""`ops watch`: the whole flow at one moment, from few calls, on any terminal, until Ctrl-C."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import botocore.session
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ops.command import app
from ops.commands import sight
from ops.commands.frame import frame
from ops.errors import OpsError
from ops.stage import Stage
from ops.watch import Frame, Watch
from stacks.topology import TOPOLOGY
from tests.ops.lines import answered, handled, order_to_cash
from tests.ops.sight import CloudWatch, Insights, Queues

API = ("dev", "headrace-dev-api")
METRICS: dict[tuple[str, ...], float] = {
    ("Count", "/v1/orders", "POST", *API): 120,
    ("4XXError", "/v1/orders", "POST", *API): 7,
    ("Processed", "accept_order", "dev"): 118,
    ("Retried", "accept_order", "dev"): 2,
    ("Rejected", "accept_order", "dev"): 3,
    ("Invocations", "headrace-dev-events", "headrace-dev-reserve_stock-on-OrderAccepted"): 117,
    ("ApproximateAgeOfOldestMessage", "headrace-dev-accept_order"): 75,
}


def opened(name: str, endpoint: str | None, **clients: Any) -> Stage:
    return Stage(name, "eu-central-1", endpoint, botocore.session.Session(), _clients=clients)


@pytest.fixture
def cloudwatch() -> CloudWatch:
    return CloudWatch({(key[0], *sorted(key[1:])): value for key, value in METRICS.items()})


@pytest.fixture
def aws(cloudwatch: CloudWatch) -> Stage:
    queues = Queues({"headrace-dev-accept_order": 12, "headrace-dev-reserve_stock-dlq": 3})
    return opened("dev", None, sqs=queues, cloudwatch=cloudwatch)


def shown(now: Frame, width: int, problem: str | None = None) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(frame(now, width, problem))
    return capture.get()


def row(text: str, *words: str) -> list[str]:
    (found,) = [line for line in text.splitlines() if all(word in line for word in words)]
    return found.split()


def test_a_frame_on_aws_takes_one_call_for_all_metrics(aws: Stage, cloudwatch: CloudWatch) -> None:
    now = Watch(aws).look()
    (asked,) = cloudwatch.asked
    assert asked["EndTime"].second == 0, "a minute that has not ended would look like a drop"
    assert now.rates.measured
    assert now.rates.requests == {"POST /v1/orders": 120}
    assert now.rates.refused == {"POST /v1/orders": 7}
    assert now.rates.done == {"accept_order": 118}
    assert now.rates.failed == {"accept_order": 5}, "those that are tried again and those that are not"
    assert now.rates.delivered == {"reserve_stock on OrderAccepted": 117}
    assert now.rates.oldest == {"headrace-dev-accept_order": 75}
    assert (now.depths["accept_order"].waiting, now.depths["reserve_stock-dlq"].waiting) == (12, 3)


def test_a_frame_on_this_machine_counts_the_lines_of_the_last_minute() -> None:
    lines = [
        *order_to_cash(),
        answered(status="400"),
        answered(status="500"),
        handled("accept_order", "m9", 90, outcome="retried"),
        "START RequestId: 1",
    ]
    insights = Insights(lines)
    now = Watch(opened("local", "http://127.0.0.1:1", sqs=Queues(), logs=insights)).look()
    assert not now.rates.measured
    assert now.rates.requests == {"POST /v1/orders": 3}
    assert (now.rates.refused["POST /v1/orders"], now.rates.faults["POST /v1/orders"]) == (1, 1)
    assert now.rates.done == {"accept_order": 1, "reserve_stock": 1, "confirm_order": 1, "ship_order": 1}
    assert now.rates.failed == {"accept_order": 1}
    assert now.rates.delivered["confirm_order on OrderAccepted"] == 1
    assert now.rates.delivered["ship_order on PaymentCaptured"] == 0
    (asked,) = insights.asked
    assert 60 <= asked["endTime"] - asked["startTime"] <= 63


def test_a_row_reads_as_messages_flow(aws: Stage) -> None:
    text = shown(Watch(aws).look(), 170)
    orders = "POST /v1/orders 120 7 0 → accept_order 12 0 1 min → 118 5 → 0 → OrderAccepted"
    assert " ".join(row(text, "POST /v1/orders ")) == orders
    assert row(text, "OrderAccepted", "reserve_stock ")[:4] == ["OrderAccepted", "117", "→", "reserve_stock"]
    places = [text.index(word) for word in ("edge", "POST /v1/orders", "events", "reserve_stock", "ship_order")]
    assert places == sorted(places)


@pytest.mark.parametrize("width", [80, 116, 170])
def test_every_queue_and_its_dead_letters_are_seen_on_any_terminal(aws: Stage, width: int) -> None:
    text = shown(Watch(aws).look(), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert all(queue.name in text for queue in TOPOLOGY.queues)
    title = next(line for line in text.splitlines() if "dead" in line)
    line = next(line for line in text.splitlines() if "reserve_stock " in line)
    assert line[: title.index("dead") + 4].endswith("3"), "dead letters stand in their column"
    assert "Dead letters: 3 in reserve_stock-dlq" in text


def test_a_queue_that_several_events_feed_is_counted_once(aws: Stage) -> None:
    text = shown(Watch(aws).look(), 170)
    assert text.count("ship_order ") == 1
    assert text.count("ship_order, as above") == 1


def test_once_prints_one_frame_and_json_gives_it_to_scripts(aws: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "open", lambda name: aws)
    once = CliRunner().invoke(app, ["watch", "--once", "--stage", "dev"])
    assert once.exit_code == 0, once.output
    assert once.output.count("headrace dev") == 1
    told = json.loads(CliRunner().invoke(app, ["watch", "--json", "--stage", "dev"]).output)
    assert told["depths"]["reserve_stock-dlq"]["waiting"] == 3
    assert told["rates"]["requests"] == {"POST /v1/orders": 120}


def test_a_fault_is_said_and_looked_past_and_ctrl_c_ends_it_cleanly(
    aws: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sight, "out", Console(file=screen, force_terminal=True, width=120, height=30))
    monkeypatch.setattr(Stage, "open", lambda name: aws)
    looks: list[Frame | OpsError] = [Watch(aws).look(), OpsError("AWS does not answer."), Watch(aws).look()]

    def look(self: Watch) -> Frame:
        found = looks.pop(0)
        if isinstance(found, OpsError):
            raise found
        return found

    def sleep(seconds: float) -> None:
        assert seconds == 0.5
        if not looks:
            raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "look", look)
    monkeypatch.setattr(time, "sleep", sleep)
    done = CliRunner().invoke(app, ["watch", "--interval", "0.5", "--stage", "dev"])
    assert done.exit_code == 0, done.output
    assert looks == [], "it went on after the fault"
    assert "AWS does not answer." in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[?25h\x1b[?1049l"), "cursor and screen are given back"
