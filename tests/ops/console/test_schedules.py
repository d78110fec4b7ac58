"""Schedules on a page: what the command shows and does, said in the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.audit import kept
from ops.console.desk import Desk
from tests.ops.console.tab import opened, text
from tests.ops.test_schedules import EACH, SIX, Logs, World, deployed, line, world
from tests.sample.scheduled import SCHEDULED

ONCE = "remind_once"


@pytest.fixture
def there(home: Path) -> World:
    there = world(home, logs=Logs(line("2026-11-26T05:00:00Z", "skipped")))
    there.scheduler.there[ONCE] = deployed(SCHEDULED.schedules[0], ScheduleExpression="at(2099-12-24T18:00:00)")
    return there


def test_the_page_shows_what_is_planned_and_leads_to_each(there: World) -> None:
    with opened(there.stage) as tab:
        page = tab.get("/schedules")
        shown = text(page)
        for words in (EACH, SIX, ONCE, "2099-12-24 18:00 UTC", "skipped", "python -m ops schedules"):
            assert words in shown, words
        assert f"/schedules/{EACH}" in tab.links_of(page)
        one = text(tab.get(f"/schedules/{EACH}"))
        assert f"python -m ops schedules pause {EACH}" in one
        assert "Cancel" not in one
        assert f"python -m ops schedules cancel {ONCE}" in text(tab.get(f"/schedules/{ONCE}"))
        assert "There is no schedule 'nothing'" in text(tab.get("/schedules/nothing", code=400))


def test_what_is_done_is_said_and_on_record(there: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "careful", False)
    with opened(there.stage) as tab:
        assert f"{EACH} is paused: it runs again" in text(tab.post("/schedule/pause", name=EACH))
        assert f"{EACH} was paused already." in text(tab.post("/schedule/pause", name=EACH))
        assert "Resume" in text(tab.get(f"/schedules/{EACH}"))
        assert f"The run {SIX}@" in text(tab.post("/schedule/run", name=SIX))
        assert f"{ONCE} is cancelled." in text(tab.post("/schedule/cancel", name=ONCE))
        assert "is nothing that can be done" in text(tab.post("/schedule/delete", code=400, name=SIX))
    assert [each.action for each in kept(there.stage)] == ["cancel", "run", "pause"]


def test_in_prod_its_name_is_typed_first(there: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "careful", True)
    with opened(there.stage) as tab:
        assert f"Type {EACH} to confirm" in text(tab.post("/schedule/pause", code=400, name=EACH))
        assert f"Type {EACH} to confirm" in text(tab.get(f"/schedules/{EACH}"))
        assert "is paused" in text(tab.post("/schedule/pause", name=EACH, typed=EACH))
