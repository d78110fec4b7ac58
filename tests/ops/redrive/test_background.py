"""Redrives in threads of one process: the same work, lock, journal and record as the command's."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ops import background
from ops.audit import kept
from ops.dead_letters.selection import Selection
from ops.errors import UsageError
from ops.redrive.background import Background
from ops.redrive.journal import unfinished
from ops.redrive.request import Request
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.endpoint import Endpoint


def test_one_moves_what_is_asked_and_keeps_its_report(stage: Stage, aws: Endpoint) -> None:
    ids = dead_tickets(aws, 3)
    jobs = Background()
    job = jobs.redrive(stage, Request("open_ticket", selection=Selection(ids=(ids[1],))), yes=True)
    assert job.wait(10)
    assert job.report is not None
    assert (job.report.run, job.report.tally.moved, job.error) == (job.run, 1, None)
    assert [json.loads(each)["n"] for each in queue(aws, "open_ticket").arrived] == [1]
    assert kept(stage)[0].id == job.run
    assert jobs.find(job.run) is job
    assert jobs.running() == []
    assert (job.done, job.of) == (1, 1), "of what was named, not of the queue"


def test_what_keeps_one_from_its_work_is_its_error(stage: Stage, aws: Endpoint) -> None:
    job = Background().redrive(stage, Request("nothing_there"), yes=True)
    assert job.wait(10)
    assert job.report is None
    assert "There is no queue 'nothing_there'" in (job.error or "")


def test_two_never_work_on_a_queue_at_once(stage: Stage, aws: Endpoint) -> None:
    dead_tickets(aws, 30)
    jobs = Background()
    first = jobs.redrive(stage, Request("open_ticket", rate=5.0), yes=True)
    while not first.done:
        time.sleep(0.01)
    second = jobs.redrive(stage, Request("open_ticket"), yes=True)
    assert second.wait(10)
    assert "runs since" in (second.error or "")
    assert jobs.close() == []
    assert first.ended is not None


def test_at_the_end_what_moves_is_stopped_and_resume_goes_on(stage: Stage, aws: Endpoint) -> None:
    dead_tickets(aws, 60)
    jobs = Background()
    job = jobs.redrive(stage, Request("open_ticket", rate=10.0), yes=True)
    while not job.done:
        time.sleep(0.01)
    assert jobs.close() == []
    assert job.report is not None
    assert job.report.stopped == "interrupted"
    assert [each.run for each in unfinished(stage)] == [job.run]
    again = Background()
    gone_on = again.resume(stage, job.run)
    while not gone_on.done and gone_on.ended is None:
        time.sleep(0.01)
    assert again.close() == []
    with pytest.raises(UsageError, match="There is no unfinished redrive 'none'"):
        again.resume(stage, "none")


def test_a_fault_that_nobody_foresaw_ends_it_and_is_told(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    monkeypatch.setattr("ops.redrive.run.redrive", broken)
    job = Background().redrive(stage, Request("open_ticket"), yes=True)
    assert job.wait(10)
    assert job.error == "/somewhere cannot be used: No space left on device."


def test_reports_of_old_ones_are_let_go(stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MOST", 2)
    jobs = Background()
    names = []
    for _ in range(5):
        job = jobs.redrive(stage, Request("open_ticket"), yes=False)
        assert job.wait(10)
        names.append(job.run)
    assert [jobs.find(name) is not None for name in names] == [False, False, True, True, True]


def test_the_record_of_a_machine_is_read_with_what_was_not_ended(stage: Stage, home: Path) -> None:
    assert kept(stage) == []
    stage.open_files()
    lines = [
        {"id": "a", "action": "redrive", "queue": "q", "who": "w", "host": "h", "started_at": "2026-01-01T00:00:00"},
        {"id": "b", "action": "drop", "queue": "q", "who": "w", "host": "h", "started_at": "2026-01-02T00:00:00"},
    ]
    ended = {**lines[0], "ended_at": "2026-01-01T00:01:00", "result": {"moved": 3}}
    text = "\n".join([*map(json.dumps, [*lines, ended]), '{"torn'])
    (stage.files / "audit.jsonl").write_text(text)
    assert [(each.id, each.ended_at, each.result) for each in kept(stage)] == [
        ("b", None, {}),
        ("a", "2026-01-01T00:01:00", {"moved": 3}),
    ]
