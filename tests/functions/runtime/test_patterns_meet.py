"""Where schedules, delays and limits meet in one message: what waits for a limit is neither done nor dead nor begun."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from functions.contracts.later import Cancel
from functions.contracts.limit import KEY, Rule
from functions.contracts.plan import PlanCommand, Planned, item_key
from functions.contracts.run import Run
from functions.plan_command.logic import write
from functions.runtime import plans
from functions.runtime.limit import limit
from functions.runtime.message import Message
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import ConditionFailed, Table
from stacks import names
from tests.aws.dynamodb import Tables
from tests.functions.fakes import Fakes
from tests.functions.runtime.limiting import NOW, Limiting
from tests.functions.runtime.probe import Probe, Probing, probe

SLOW = Rule(name="crm", rate=0.1)


@pytest.fixture
def limiting(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Limiting:
    one = Limiting(monkeypatch, fakes)
    keys = {"test-limits": KEY, "test-schedule_runs": "schedule", "test-planned": "key"}
    one.table.tables = Tables(keys | {names.resource("test", names.FAILURES): "message_id"})
    monkeypatch.setenv("TABLE_SCHEDULE_RUNS", "test-schedule_runs")
    monkeypatch.setenv("TABLE_PLANNED", "test-planned")
    return one


def run_of(name: str, second: float, **more: Any) -> dict[str, Any]:
    """A run of a schedule whose runs must not overlap."""
    run = Run("nightly", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + second)), True)
    return probe(name, sent=NOW + second, **run.attributes(), **more)


def planned(number: int, *, key: str = "k") -> PlanCommand:
    """An ask for a message at once, which its item takes down."""
    ask = PlanCommand(
        asked=f"a{number}",
        order=100 * number,
        queue="q",
        key=item_key("q", None, key),
        keyed=True,
        at=round(NOW * 1000),
        text="{}",
    )
    take_down(ask)
    return ask


def take_down(ask: PlanCommand) -> None:
    change = write(ask, NOW)
    try:
        Table("planned").update(
            {"key": ask.key}, change.change, condition=change.condition, names=change.names, values=change.values
        )
    except ConditionFailed:
        return


def due(name: str, ask: PlanCommand, **more: Any) -> dict[str, Any]:
    assert ask.at is not None
    return probe(name, planned_for=str(Planned(ask.at, ask.asked, ask.key)), **more)


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_run_that_waits_for_a_limit_holds_its_schedule(limiting: Limiting, attempt: int) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.run(probing, probe("other"))
    limiting.run(probing, run_of("r1", 0, attempt=attempt))
    limiting.clock = NOW + 100
    limiting.run(probing, run_of("r2", 60))
    copy = limiting.copy(0)
    limiting.clock = NOW + 120
    limiting.run(probing, copy)
    assert probing.seen == ["other", "r1"], "the second is skipped, because the first still waits"


def test_a_run_whose_schedule_does_not_skip_any_more_is_done(
    limiting: Limiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TABLE_SCHEDULE_RUNS")
    probing = Probing()
    limiting.run(probing, run_of("r1", 0))
    assert probing.seen == ["r1"]


def test_what_was_skipped_is_counted_as_that_and_has_no_age(
    limiting: Limiting, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = planned(1)
    take_down(PlanCommand(asked="c", order=200, queue="q", key=ask.key, keyed=True))
    limiting.run(Probing(), due("p1", ask), probe("p2", sent=NOW - 1))
    (counts,) = (line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "_aws" in line)
    assert (counts["Processed"], counts["Skipped"], counts["Age"]) == (1, 1, [1000])
    assert "Skipped" in str(counts["_aws"])
    limiting.run(Probing(), probe("p3"))
    assert "Skipped" not in capsys.readouterr().out, "who skips nothing pays for no metric of it"


def test_what_waits_for_a_limit_may_still_be_cancelled(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.run(probing, probe("other"))
    ask = planned(1)
    limiting.run(probing, due("p1", ask))
    take_down(PlanCommand(asked="c", order=200, queue="q", key=ask.key, keyed=True))
    limiting.clock = NOW + 30
    limiting.run(probing, limiting.copy(0))
    assert probing.seen == ["other"]


def test_of_one_key_nothing_is_planned_anew_while_what_was_planned_waits_for_a_limit(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.run(probing, probe("other"))
    limiting.run(probing, due("p1", planned(1)))
    planned(2)
    limiting.clock = NOW + 30
    limiting.run(probing, limiting.copy(0))
    assert probing.seen == ["other", "p1"], "once, however often it was asked for"


def test_a_copy_asks_as_its_original_did(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.run(probing, probe("other"))
    raw = probe("b", sent=NOW)
    limiting.clock = NOW + 1
    limiting.run(probing, raw)
    told = Settings(plans="Probe=q", service="service")

    def ask(record: Record) -> PlanCommand:
        message = Message(id=record.id, key="k", cause="c", causation_id=record.origin, correlation_id="c")
        return plans.asks([Cancel(Probe, "k")], message, record, told)[0]

    original, copy = (ask(Record.read(each)) for each in (raw, limiting.copy(0)))
    assert (copy.order, copy.asked) == (original.order, original.asked)


def test_a_key_that_a_message_asks_for_twice_is_refused(limiting: Limiting, capsys: pytest.CaptureFixture[str]) -> None:
    limiting.rules(Rule(name="crm", rate=10, burst=5, in_code=True))

    def twice(*_: object) -> None:
        limit("crm", "a")
        limit("crm", "b")
        limit("crm", "a")

    limiting.run(Probing(a=twice), probe("a"))
    assert (
        "asks limit 'crm' a second time for one key; ask once, with what it takes as the cost"
        in capsys.readouterr().out
    )


def plan_and_run_others(limiting: Limiting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more messages of the key are planned, one after the other, and handled, as by a worker without limits."""
    told = os.environ["LIMITS"]
    monkeypatch.delenv("LIMITS")
    for number in (2, 3):
        probing = Probing()
        limiting.run(probing, due(f"p{number}", planned(number)))
        assert probing.seen == [f"p{number}"]
    monkeypatch.setenv("LIMITS", told)


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_began_and_waits_for_a_limit_in_code_is_done_whatever_its_key_is_planned_for_meanwhile(
    limiting: Limiting, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    limiting.rules(Rule(name="crm", rate=0.1, in_code=True))
    done: list[str] = []

    def asks(command: Probe, _: Message) -> None:
        limit("crm", "host")
        done.append(command.name)

    probing = Probing(other=asks, p1=asks)
    limiting.run(probing, probe("other"))
    ask = planned(1)
    limiting.run(probing, due("p1", ask))
    assert done == ["other"]
    plan_and_run_others(limiting, monkeypatch)
    if cancelled:
        take_down(PlanCommand(asked="c", order=1000, queue="q", key=ask.key, keyed=True))
    limiting.clock = NOW + 30
    limiting.run(probing, limiting.copy(0))
    assert done == ["other", "p1"]


@pytest.mark.parametrize("again", [{"attempt": 2}, {"message_id": "moved-by-the-console"}])
def test_what_began_and_failed_is_attempted_again_whatever_its_key_is_planned_for_meanwhile(
    limiting: Limiting, monkeypatch: pytest.MonkeyPatch, again: dict[str, Any]
) -> None:
    limiting.rules(Rule(name="crm", rate=10, in_code=True))
    raw = due("p1", planned(1))
    assert limiting.run(Probing(p1=RuntimeError("no")), raw) == {"p1"}
    plan_and_run_others(limiting, monkeypatch)
    probing = Probing()
    limiting.run(probing, due("p1", planned(1), **again))
    assert probing.seen == ["p1"]


def test_what_never_began_is_not_handled_for_a_mark_of_another(
    limiting: Limiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiting.rules(SLOW)
    limiting.run(Probing(), probe("other"))
    ask = planned(1)
    limiting.run(Probing(), due("p1", ask))
    take_down(PlanCommand(asked="a2", order=200, queue="q", key=ask.key, keyed=True, at=ask.at, replace=True))
    limiting.clock = NOW + 30
    probing = Probing()
    limiting.run(probing, limiting.copy(0))
    assert probing.seen == []
