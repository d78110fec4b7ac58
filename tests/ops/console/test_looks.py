"""Looks that take their time show how far they are, can be stopped, and are alone in their queue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ops.console import looks
from ops.redrive.background import Job
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.console.tab import Tab, opened, text
from tests.ops.endpoint import Endpoint
from tests.ops.gate import Gate, until

WORDS: dict[str, Any] = {"filter": "contains(body.ticket_id, 't-149')", "whole": "yes"}


@pytest.fixture
def slow(tab: Tab, aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """150 dead letters of which a sample was taken, and an AWS that lets nothing more through."""
    monkeypatch.setattr(looks, "SOON", 0.05)
    dead_tickets(aws, 150)
    tab.get("/dead/open_ticket")
    gate = Gate(aws, monkeypatch, left=2)
    yield gate
    gate.open()


def running(tab: Tab) -> Job:
    (job,) = tab.desk.jobs.running()
    return job


def test_a_search_that_takes_longer_shows_how_far_it_is_and_leads_to_what_it_found(tab: Tab, slow: Gate) -> None:
    page = text(tab.post("/dead/open_ticket/look", **WORDS))
    assert "Searching the whole queue of open_ticket-dlq" in page
    job = running(tab)
    until(lambda: job.done == 20)
    words = f"/looks/{job.run}?filter=contains%28body.ticket_id%2C+%27t-149%27%29"
    page = tab.get(words)
    assert "20 looked at 130 remaining, about" in text(page)
    assert "0 found so far" in text(page)
    assert "It goes on if you close this page" in text(page)
    assert f"/live/looks/{job.run}" in page
    beside = text(tab.get("/dead/open_ticket"))
    assert "A look goes through this queue , 20 of about 150 so far" in beside
    assert "a look" in text(tab.get("/redrives"))
    slow.open()
    assert job.wait(20)
    with tab.client.stream("GET", f"{tab.guard.base}/live/looks/{job.run}?group=x") as stream:
        sent = "".join(stream.iter_text())
    assert sent.endswith("event: over\ndata: over\n\n")
    assert "1 found 150 looked at" in text(tab.get(words)).replace("  ", " ")
    (link,) = [each for each in tab.links_of(tab.get(words)) if each.startswith("/dead/open_ticket?")]
    found = tab.get(link)
    assert found.count('type="checkbox" name="ids"') == 1
    assert "found in a search of the whole queue" in text(found)


def test_one_that_is_stopped_keeps_what_it_found_and_says_what_it_did_not_see(tab: Tab, slow: Gate) -> None:
    tab.post("/dead/open_ticket/look", filter="body.n >= `0`", whole="yes")
    job = running(tab)
    until(lambda: job.done == 20 and slow.waiting)
    assert "Stopping" in text(tab.post(f"/looks/{job.run}/stop"))
    slow.left = 1
    assert job.wait(20)
    page = text(tab.get(f"/looks/{job.run}"))
    assert "20 found 20 looked at" in page
    assert "It was stopped after 20 of about 150" in page
    shown = text(tab.get("/dead/open_ticket?filter=body.n%20%3E%3D%20%600%60"))
    assert "found in a search that saw the first 20 of about 150" in shown
    assert "Search all of about 150" in shown, "it can be asked for again"


def test_another_of_the_same_queue_is_told_that_one_is_under_way(tab: Tab, slow: Gate, aws: Endpoint) -> None:
    tab.post("/dead/open_ticket/look", **WORDS)
    job = running(tab)
    for path in ("/dead/open_ticket/look", "/dead/open_ticket/some-id/search", "/plan/open_ticket/dry"):
        page = text(tab.post(path, size="1000"))
        assert "What you asked for was not begun" in page
        assert "Searching the whole queue" in page
    assert running(tab) is job
    assert "goes through this queue now" in text(tab.get("/plan/open_ticket"))


def test_a_redrive_stops_what_looks_since_that_hides_messages_from_it(tab: Tab, slow: Gate, aws: Endpoint) -> None:
    tab.post("/dead/open_ticket/look", **WORDS)
    job = running(tab)
    until(lambda: slow.waiting)
    slow.open()
    done = tab.post("/plan/open_ticket/redrive")
    assert job.ended is not None
    (moving,) = [each for each in tab.desk.jobs._jobs.values() if each.acts]
    assert moving.wait(20)
    assert "150 redriven" in text(tab.get(f"/redrives/{moving.run}")), done
    assert len(queue(aws, "open_ticket").arrived) == 150


def test_a_dry_run_shows_how_far_it_is_and_is_stopped(tab: Tab, slow: Gate) -> None:
    page = tab.post("/plan/open_ticket/dry")
    (run,) = re.findall(r'sse-connect="[^"]*/live/redrives/([^"?]*)', page)
    job = running(tab)
    until(lambda: job.done == 20)
    page = text(tab.get(f"/redrives/{run}"))
    assert "20 looked at 130 remaining, about" in page
    assert "Stop" in page
    tab.post(f"/looks/{run}/stop")
    slow.left = 32
    assert job.wait(20)
    assert "were not looked at: interrupted" in text(tab.get(f"/redrives/{run}"))


def test_a_message_that_is_not_there_is_said_where_it_was_looked_for(tab: Tab, slow: Gate) -> None:
    page = text(tab.post("/dead/open_ticket/nobody/search"))
    assert "Looking for a message" in page
    job = running(tab)
    slow.open()
    assert job.wait(20)
    assert "Message nobody is not in open_ticket-dlq" in text(tab.get(f"/looks/{job.run}?message=nobody"))


def test_who_only_reads_may_look_and_stop_looking(stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "SOON", 0.0)
    dead_tickets(aws, 150)
    with opened(stage, read_only=True) as tab:
        gate = Gate(aws, monkeypatch, left=1)
        tab.post("/dead/open_ticket/look", **WORDS)
        job = running(tab)
        tab.post(f"/looks/{job.run}/stop")
        gate.open()
        assert job.wait(20)
        assert job.error is None
    assert "There is no such look" in text(tab.get("/looks/none", code=400))


def test_what_keeps_a_look_from_its_work_is_said(tab: Tab, slow: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    tab.post("/dead/open_ticket/look", **WORDS)
    job = running(tab)
    job.error = "SQS does not answer."
    slow.open()
    assert job.wait(20)
    assert "SQS does not answer." in text(tab.get(f"/looks/{job.run}"))
