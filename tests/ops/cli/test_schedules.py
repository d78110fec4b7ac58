"""`python -m ops schedules`: what it shows at any width, and what it answers to what makes no sense."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from typer.testing import CliRunner, Result

from ops.cli import schedules, screen
from ops.cli.app import app
from ops.cli.terminal import Terminal
from stacks.entry import Topology
from tests.ops.test_schedules import EACH, NOW, SIX, Logs, World, deployed, line, world
from tests.sample.scheduled import SCHEDULED

HEADS = ("schedule", "ratings", "not")
LONG = "rate_the_tickets_of_everybody_everywhere"


@pytest.fixture
def there(home: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    there = world(home, logs=Logs(line("2026-11-26T05:00:00Z", "skipped")))
    there.scheduler.there[LONG] = deployed(SCHEDULED.schedules[0], ScheduleExpression="at(2099-12-24T18:00:00)")
    monkeypatch.setattr(schedules, "opened", lambda _stage: there.stage)
    return there


def ops(*arguments: str, topology: Topology = SCHEDULED) -> Result:
    return CliRunner().invoke(app, ["schedules", *arguments], obj=topology, env={"COLUMNS": "200"})


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_fits_and_breaks_no_name_and_no_time(
    there: World, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    file = io.StringIO()
    console = Terminal(file=file, force_terminal=True, no_color=True, width=width, height=200)
    for module in (screen, schedules):
        monkeypatch.setattr(module, "out", console)
    assert ops().exit_code == 0
    shown = Text.from_ansi(file.getvalue()).plain
    assert all(len(each.rstrip()) <= width for each in shown.splitlines()), shown
    assert all(each.startswith(" ") or each.split()[0] in HEADS for each in shown.splitlines()), "nothing goes on"
    for whole in (
        EACH,
        SIX,
        LONG,
        "cron(0 6 ? * MON-FRI *) Europe/Berlin",
        "2099-12-24 18:00Z",
        "2026-11-26 05:00Z",
        "skipped",
    ):
        assert whole in shown, shown


def test_what_is_planned_as_json(there: World) -> None:
    found = json.loads(ops("--json").stdout)
    assert [each["name"] for each in found["planned"]][:3] == [each.name for each in SCHEDULED.schedules]
    assert json.loads(ops(SIX, "--json").stdout)["planned"][0]["last"]["outcome"] == "skipped"


def test_each_change_is_one_sentence(there: World) -> None:
    assert ops("pause", EACH).stdout.startswith(f"{EACH} is paused: it runs again after `resume`")
    assert ops("pause", EACH).stdout == f"{EACH} was paused already.\n"
    there.scheduler.there[EACH]["LastModificationDate"] = NOW
    assert ops("resume", EACH).exit_code == 0
    assert ops("resume", EACH).stdout == f"{EACH} was not paused.\n"
    assert "was sent as id-" in ops("run", SIX).stdout
    assert ops("cancel", LONG).stdout == f"{LONG} is cancelled.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pause",), "Say which one: schedules pause NAME."),
        (("stop", EACH), "'stop' is nothing that can be done: say pause, resume, run or cancel."),
        (("pause", EACH, "--at", "2026-11-26T06:00:00Z"), "--at goes with run."),
        (("nobody",), "There is no schedule 'nobody'"),
        (("pause", "nobody"), "There is no schedule 'nobody'"),
        (("cancel", EACH), "is in the map: take it out of integration ratings and deploy"),
        (("run", EACH, "--at", "soon"), "--at is 'soon', which is no time"),
        (("--since", "soon"), "is no span of time"),
    ],
)
def test_what_makes_no_sense_is_a_sentence_and_a_2(there: World, arguments: tuple[str, ...], sentence: str) -> None:
    done = ops(*arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
    answer: dict[str, Any] = json.loads(ops(*arguments, "--json").stdout)
    assert answer["exit_code"] == 2


def test_a_map_without_schedules_has_nothing_to_pause(there: World) -> None:
    done = ops("pause", EACH, topology=Topology())
    assert (done.exit_code, done.stderr) == (2, "The map has no schedules.\n")


def test_what_aws_refuses_is_a_1(there: World) -> None:
    there.scheduler.refuses = "AccessDeniedException"
    assert ops().exit_code == 1
