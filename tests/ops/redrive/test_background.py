"""Redrives in threads of one process: the same work, lock, journal and record as the command's."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ops import background as works
from ops.audit import kept
from ops.dead_letters.sample import Samples
from ops.dead_letters.selection import EVERYTHING, Selection
from ops.depth import depth
from ops.errors import UsageError
from ops.queue import find_dead
from ops.redrive import background
from ops.redrive.background import Background, UnderWay
from ops.redrive.journal import unfinished
from ops.redrive.request import Request
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.endpoint import Endpoint
from tests.ops.gate import Gate, until


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
    told = {each.action: each for each in kept(stage)}
    assert (told["cancel"].queue, told["cancel"].asked) == ("open_ticket-dlq", {"run": job.run})
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
    monkeypatch.setattr(works, "MOST", 2)
    jobs = Background()
    names = []
    for _ in range(5):
        job = jobs.redrive(stage, Request("open_ticket"), yes=False)
        assert job.wait(10)
        names.append(job.run)
    assert [jobs.find(name) is not None for name in names] == [False, False, True, True, True]


def test_a_look_runs_beside_others_keeps_its_sample_and_is_alone_in_its_queue(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = dead_tickets(aws, 30)
    aws.put(queue(aws, "mail_ticket-dlq"), "{}")
    gate, jobs, samples = Gate(aws, monkeypatch, left=1), Background(), Samples()
    job = jobs.look(stage, "open_ticket", samples, selection=Selection(ids=(ids[25],)), limit=1)
    until(lambda: gate.waiting)
    dead = find_dead(stage, "open_ticket")
    assert jobs.looking(dead) is job
    with pytest.raises(UnderWay, match="open_ticket-dlq is gone through already") as other:
        jobs.look(stage, "open_ticket-dlq", samples, selection=EVERYTHING, limit=100)
    assert other.value.job is job
    with pytest.raises(UnderWay):
        jobs.redrive(stage, Request("open_ticket"), yes=False)
    until(lambda: (job.done, job.of) == (10, 30))
    beside = jobs.look(stage, "mail_ticket", samples, selection=EVERYTHING, limit=100)
    gate.open()
    assert job.wait(20)
    assert beside.wait(20)
    assert jobs.looking(dead) is None
    sample = samples.kept(dead)
    assert sample is not None
    assert sample.find(ids[25]) is not None
    with pytest.raises(UsageError, match="There is no queue 'nothing'"):
        jobs.look(stage, "nothing", samples, selection=EVERYTHING, limit=100)


def test_a_dry_run_says_how_far_it_is_and_can_be_stopped(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 400)
    gate, jobs = Gate(aws, monkeypatch, left=3), Background()
    job = jobs.redrive(stage, Request("open_ticket"), yes=False)
    until(lambda: (job.done, job.of) == (30, 400))
    job.halt()
    gate.left = 32  # what its workers are at
    assert job.wait(20)
    assert job.report is not None
    assert job.report.stopped == "interrupted"
    assert job.report.tally.seen < 400
    assert depth(stage, find_dead(stage, "open_ticket")).waiting == 400, "nothing stays hidden"


def test_the_end_stops_looks_at_once_and_waits_for_them_no_longer_than_a_moment(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 60)
    gate, jobs = Gate(aws, monkeypatch, left=1), Background()
    job = jobs.look(stage, "open_ticket", Samples(), selection=EVERYTHING, limit=60)
    until(lambda: job.done)
    monkeypatch.setattr(background, "LOOKS", 0.0)
    assert jobs.close() == [], "a look leaves nothing to go on with"
    assert job.stopping.is_set()
    gate.left = 1
    assert job.wait(20)
    assert job.done == 10, "what came after that was not looked at"


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
