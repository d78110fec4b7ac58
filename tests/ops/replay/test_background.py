"""A replay that is watched beside other work leaves the record that the command leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from ops import background
from ops.audit import kept
from ops.replay import run
from ops.replay.background import Background
from ops.replay.run import Plan, Request
from tests.ops.replay.eventbridge import EventBridge
from tests.ops.replay.typed import counts


@pytest.fixture
def plan(aws: EventBridge, cloudwatch: Stubber) -> Plan:
    counts(cloudwatch, m0=1, m1=1)
    return run.plan(aws.stage, Request(subscriber="mail_ticket", start="2h"))


@pytest.fixture
def replays(aws: EventBridge) -> Iterator[Background]:
    made = Background()
    yield made
    aws.states = ["COMPLETED"]
    for each in made.running():
        assert each.wait(10)


def test_it_is_found_while_it_runs_and_after(aws: EventBridge, plan: Plan, replays: Background) -> None:
    aws.states = ["RUNNING"]
    watched = replays.replay(aws.stage, plan, every=0.01)
    assert not watched.wait(0.05)
    assert replays.running() == [watched]
    assert replays.find(watched.name) is watched
    aws.states = ["COMPLETED"]
    assert watched.wait(10)
    assert replays.running() == []
    assert watched.error is None
    assert watched.report is not None
    assert kept(aws.stage)[0].id == watched.name
    assert kept(aws.stage)[0].result == {"state": "COMPLETED", "minutes": plan.period.minutes}
    assert replays.leave() == []


def test_what_keeps_it_from_beginning_is_its_error(aws: EventBridge, plan: Plan, replays: Background) -> None:
    aws.refused["StartReplay"] = "AccessDeniedException"
    watched = replays.replay(aws.stage, plan)
    assert watched.wait(10)
    assert "StartReplay" in str(watched.error)
    assert watched.report is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_nobody_foresaw_is_told_too(
    aws: EventBridge, plan: Plan, replays: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("no")

    monkeypatch.setattr(run, "replay", broken)
    watched = replays.replay(aws.stage, plan)
    assert watched.wait(10)
    assert "ZeroDivisionError" in str(watched.error)


def test_one_that_ends_as_it_is_left_is_recorded_as_ended(aws: EventBridge, plan: Plan, replays: Background) -> None:
    aws.states = ["RUNNING"]
    watched = replays.replay(aws.stage, plan, every=0.2)
    assert not watched.wait(0.1)
    aws.states = ["COMPLETED"]
    assert replays.leave() == []
    assert kept(aws.stage)[0].result["state"] == "COMPLETED"


def test_one_that_goes_on_is_left_to_aws_and_so_recorded(
    aws: EventBridge, plan: Plan, replays: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.states = ["RUNNING"]
    watched = replays.replay(aws.stage, plan, every=0.01)
    assert not watched.wait(0.05)
    assert replays.leave() == [watched.name]
    assert not aws.calls("CancelReplay")
    assert kept(aws.stage)[0].result == {"state": "unknown", "why": "The console ended while AWS went on."}
    monkeypatch.setattr(background, "MOST", 0)
    replays._leaving.clear()
    replays.replay(aws.stage, plan, every=0.01)
    assert replays.find(watched.name) is None, "only the last ended ones are kept"
