"""`ops watch`: the whole flow at one moment, from few calls, on any terminal, until `q` or Ctrl-C."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import sys
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ops.cli import observe as sight
from ops.cli.app import app
from ops.cli.flow_frame import frame
from ops.errors import OpsError
from ops.observe.watch import Frame, Watch
from ops.stage import Stage
from stacks import names
from stacks.entry import Topology
from tests.ops.lines import answered, handled, ticket_to_close
from tests.ops.sight import CloudWatch, Insights, Queues
from tests.sample.topology import SAMPLE

API = ("cloud", names.resource("cloud", "api"))
METRICS: dict[tuple[str, ...], float] = {
    ("Count", "/v1/tickets", "POST", *API): 120,
    ("4XXError", "/v1/tickets", "POST", *API): 7,
    ("Processed", "open_ticket", "cloud"): 118,
    ("Retried", "open_ticket", "cloud"): 2,
    ("Rejected", "open_ticket", "cloud"): 3,
    ("Invocations", names.resource("cloud", names.BUS), names.rule("cloud", "assign_ticket", "TicketOpened")): 117,
    ("ApproximateAgeOfOldestMessage", names.queue("cloud", "open_ticket")): 75,
}


def opened(name: str, endpoint: str | None, **clients: Any) -> Stage:
    return Stage(name, "eu-central-1", endpoint, SAMPLE, botocore.session.Session(), _clients=clients)


@pytest.fixture
def cloudwatch() -> CloudWatch:
    return CloudWatch({(key[0], *sorted(key[1:])): value for key, value in METRICS.items()})


@pytest.fixture
def aws(cloudwatch: CloudWatch) -> Stage:
    queues = Queues({names.queue("cloud", "open_ticket"): 12, names.dead_letter_queue("cloud", "assign_ticket"): 3})
    return opened("cloud", None, sqs=queues, cloudwatch=cloudwatch)


def shown(now: Frame, width: int, problem: str | None = None, topology: Topology = SAMPLE) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(frame(now, topology, width, problem))
    return capture.get()


def row(text: str, *words: str) -> list[str]:
    (found,) = [line for line in text.splitlines() if all(word in line for word in words)]
    return found.split()


def test_a_frame_on_aws_takes_one_call_for_all_metrics(aws: Stage, cloudwatch: CloudWatch) -> None:
    now = Watch(aws).look()
    (asked,) = cloudwatch.asked
    assert asked["EndTime"].second == 0, "a minute that has not ended would look like a drop"
    assert now.rates.measured
    assert now.rates.requests == {"POST /v1/tickets": 120}
    assert now.rates.refused == {"POST /v1/tickets": 7}
    assert now.rates.done == {"open_ticket": 118}
    assert now.rates.failed == {"open_ticket": 5}, "those that are attempted again and those that are not"
    assert now.rates.delivered == {"assign_ticket on TicketOpened": 117}
    assert now.rates.oldest == {names.queue("cloud", "open_ticket"): 75}
    assert (now.depths["open_ticket"].waiting, now.depths["assign_ticket-dlq"].waiting) == (12, 3)


def test_a_frame_on_this_machine_counts_the_lines_of_the_last_minute() -> None:
    lines = [
        *ticket_to_close(),
        answered(status="400"),
        answered(status="500"),
        handled("open_ticket", "m9", 90, outcome="retried"),
        handled("open_ticket", "m10", 90, outcome="limited"),
        handled("open_ticket", "m11", 90, outcome="skipped", skipped="It waits for 2027-01-01T00:00:00Z."),
        "START RequestId: 1",
    ]
    insights = Insights(lines)
    now = Watch(opened(names.LOCAL, "http://127.0.0.1:1", sqs=Queues(), logs=insights)).look()
    assert not now.rates.measured
    assert now.rates.requests == {"POST /v1/tickets": 3}
    assert (now.rates.refused["POST /v1/tickets"], now.rates.faults["POST /v1/tickets"]) == (1, 1)
    assert now.rates.done == {"open_ticket": 1, "assign_ticket": 1, "mail_ticket": 1, "close_ticket": 1}
    assert now.rates.failed == {"open_ticket": 1}
    assert now.rates.delivered["mail_ticket on TicketOpened"] == 1
    assert now.rates.delivered["close_ticket on TicketChanged"] == 0
    (asked,) = insights.asked
    assert 60 <= asked["endTime"] - asked["startTime"] <= 63


def test_a_row_reads_as_messages_flow(aws: Stage) -> None:
    text = shown(Watch(aws).look(), 170)
    flow = "POST /v1/tickets 120 7 0 → open_ticket 12 0 1 min → 118 5 → 0 → TicketOpened"
    assert " ".join(row(text, "POST /v1/tickets ")) == flow
    assert row(text, "TicketOpened", "assign_ticket ")[:4] == ["TicketOpened", "117", "→", "assign_ticket"]


@pytest.mark.parametrize("width", [80, 120, 170])
def test_every_integration_is_told_for_itself(aws: Stage, width: int) -> None:
    text = shown(Watch(aws).look(), width)
    in_order = (
        "\ntickets",
        "POST /v1/tickets",
        "close_ticket",
        "\nagents",
        "assign_ticket",
        "\nwebhooks",
        "/v1/webhooks",
    )
    places = [text.index(word) for word in in_order]
    assert places == sorted(places)


@pytest.mark.parametrize("width", [80, 120, 170])
def test_a_retired_integration_has_its_queues_and_nothing_that_feeds_them(aws: Stage, width: int) -> None:
    agents = replace(SAMPLE.integration("agents"), retired=True)
    others = tuple(each for each in SAMPLE.integrations if each.name != "agents")
    text = shown(Watch(aws).look(), width, topology=replace(SAMPLE, integrations=(*others, agents)))
    _, _, end = text.partition("agents retired")
    assert "assign_ticket" in end
    assert "TicketOpened  " not in end


@pytest.mark.parametrize("width", [80, 120, 170])
def test_every_queue_and_its_dead_letters_are_seen_on_any_terminal(aws: Stage, width: int) -> None:
    text = shown(Watch(aws).look(), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert all(queue.name in text for queue in SAMPLE.queues)
    title = next(line for line in text.splitlines() if "failed" in line)
    line = next(line for line in text.splitlines() if "assign_ticket " in line)
    assert line[: title.index("dead") + 4].endswith("3"), "dead letters stand in their column"
    assert "Dead letters: 3 in assign_ticket-dlq" in text


def test_a_queue_that_several_events_feed_is_counted_once(aws: Stage) -> None:
    text = shown(Watch(aws).look(), 170)
    assert text.count("close_ticket ") == 1
    assert text.count("close_ticket, as above") == 1


def test_once_prints_one_frame_and_json_gives_it_to_scripts(aws: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "open", lambda *_, **__: aws)
    once = CliRunner().invoke(app, ["watch", "--once"], obj=SAMPLE)
    assert once.exit_code == 0, once.output
    assert once.output.count(f"{names.PROJECT} cloud") == 1
    told = json.loads(CliRunner().invoke(app, ["watch", "--json"], obj=SAMPLE).output)
    assert told["depths"]["assign_ticket-dlq"]["waiting"] == 3
    assert told["rates"]["requests"] == {"POST /v1/tickets": 120}


def test_a_fault_is_said_and_looked_past_and_ctrl_c_ends_it_cleanly(
    aws: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sight, "out", Console(file=screen, force_terminal=True, width=120, height=30))
    monkeypatch.setattr(Stage, "open", lambda *_, **__: aws)
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
    done = CliRunner().invoke(app, ["watch", "--interval", "0.5"], obj=SAMPLE)
    assert done.exit_code == 0, done.output
    assert looks == [], "it went on after the fault"
    assert "AWS does not answer." in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[?25h\x1b[?1049l"), "cursor and screen are given back"


@pytest.fixture
def _interrupted() -> Iterator[None]:
    """Ctrl-C interrupts, also where this was started in the background and inherited that it does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interrupted")
@pytest.mark.parametrize("end", ["q", "Ctrl-C"])
def test_q_ends_it_as_ctrl_c_does_and_the_terminal_is_as_it_was(
    aws: Stage, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    ours, its = pty.openpty()
    before = termios.tcgetattr(its)
    shown, main = bytearray(), threading.get_ident()

    def press() -> None:
        while b"POST /v1/tickets" not in shown:
            shown.extend(os.read(ours, 4096))
        if end == "q":
            os.write(ours, b"xq")
        else:
            signal.pthread_kill(main, signal.SIGINT)  # the terminal's, which goes to the thread that waits
        while b"\x1b[?1049l" not in shown:
            shown.extend(os.read(ours, 4096))

    with open(its, "w", closefd=False) as screen, open(its, closefd=False) as keyboard:
        monkeypatch.setattr(sight, "out", Console(file=screen, force_terminal=True, width=120, height=40))
        monkeypatch.setattr(sys, "stdin", keyboard)
        monkeypatch.setattr(Stage, "open", lambda *_, **__: aws)
        person = threading.Thread(target=press)
        person.start()
        app(["watch", "--interval", "60"], obj=SAMPLE, standalone_mode=False)
        person.join(10)
    assert not person.is_alive(), "cursor and screen are given back"
    assert termios.tcgetattr(its) == before
    os.close(ours)
    os.close(its)
