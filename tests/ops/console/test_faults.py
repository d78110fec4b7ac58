"""What nobody foresaw is said where somebody looks, and what lives goes on."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ops.console import flow, lasting, looks, redrives
from ops.console.page import rendered
from ops.queue import find_dead
from ops.redrive.background import Job
from ops.redrive.request import Request
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets
from tests.ops.console.tab import Tab, text
from tests.ops.endpoint import Endpoint


@pytest.mark.parametrize("picture", [redrives.picture, lambda desk, job: looks.picture(desk, job, {})])
def test_one_that_ends_while_its_picture_is_made_is_shown_as_it_was(tab: Tab, stage: Stage, picture: Any) -> None:
    looked = picture is not redrives.picture
    job = Job("20261127-101500-ada1", stage, Request("open_ticket"), not looked, time.time(), looks=looked)
    job.dead = find_dead(stage, "open_ticket")
    given = picture(tab.desk, job)
    job.ended = time.time()
    page = rendered(tab.desk, f"{'look' if looked else 'redrive'}_part.html", {**given, "q": {}})
    assert "Under way" in text(page)


def test_a_page_that_lives_is_not_over_before_it_shows_the_end(tab: Tab, aws: Endpoint) -> None:
    dead_tickets(aws, 3)
    job = tab.desk.jobs.redrive(tab.desk.stage, Request("open_ticket"), yes=False)
    assert job.wait(20)
    ended, job.ended = job.ended, None

    def picture(job: Job) -> dict[str, Any]:
        given = redrives.picture(tab.desk, job)
        job.ended = ended  # now that the picture was made
        return given

    answer = lasting.of_job(tab.desk, job.run, "redrive", picture)
    assert tab.client.portal is not None
    frames = tab.client.portal.call(_every, answer)
    assert [("Looking" in each, "What would happen" in each) for each in frames] == [
        (True, False),
        (False, True),
        (False, False),
    ]


async def _every(answer: Any) -> list[str]:
    return [each async for each in answer.body_iterator]


def broken(*_: Any, **__: Any) -> Any:
    raise KeyError("nobody-knew")


def test_a_page_says_what_nobody_foresaw_and_the_terminal_where(
    tab: Tab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flow, "picture", broken)
    for _ in range(2):
        page = text(tab.get("/?at=flow", code=500))
        assert "by a fault of its own (KeyError: 'nobody-knew')" in page
        assert "Nothing was changed" in page
    said = capsys.readouterr().err
    assert said.count("Traceback") == 1, "each once"
    assert "in broken" in said


def test_what_was_to_change_something_is_not_said_to_have_changed_nothing(
    tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrives, "stop", broken)
    page = text(tab.post("/redrives/stop", code=500, queue="open_ticket"))
    assert "may have begun all the same" in page
    assert "Nothing was changed" not in page


def test_a_page_that_lives_says_it_too_and_goes_on(
    tab: Tab, aws: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lasting, "AFTER", 0.0)
    dead_tickets(aws, 3)
    job = tab.desk.jobs.redrive(tab.desk.stage, Request("open_ticket"), yes=False)
    assert job.wait(20)
    pictures = [broken, lambda job: redrives.picture(tab.desk, job)]
    answer = lasting.of_job(tab.desk, job.run, "redrive", lambda job: pictures.pop(0)(job))
    assert tab.client.portal is not None
    failed, shown, over = tab.client.portal.call(_every, answer)
    assert "by a fault of its own (KeyError: 'nobody-knew')" in text(failed)
    assert "It is tried again by itself" in text(failed)
    assert "What would happen" in text(shown)
    assert over == "event: over\ndata: over\n\n"
    assert "in broken" in capsys.readouterr().err


def test_what_a_fault_says_cannot_steer_the_terminal(tab: Tab, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(number: int) -> None:
        raise ValueError(f"\x1b[2J{number}\nTraceback of nothing")

    for number in range(3):
        with pytest.raises(ValueError, match="nothing") as raised:
            fails(number)
        assert "\\x1b[2J" in tab.desk.fault(raised.value)
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert said.count("Traceback (most recent call last)") == 1, "of one place once, whatever it says"
