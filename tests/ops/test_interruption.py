"""A redrive whose process is stopped or killed, and what `resume` makes of it: real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.fake_sqs import FakeQueue
from ops import runs
from ops.journal import Journal
from ops.redrive import redrive, resume
from ops.stage import Stage
from ops.sweep import WAIT
from tests.ops.endpoint import Endpoint

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = 300


def start(home: Path) -> subprocess.Popen[str]:
    """`python -m ops redrive` in a process of its own, slow enough to be caught in the middle."""
    return subprocess.Popen(
        [sys.executable, "-m", "ops", "redrive", "accept_order", "--rate", "100", "--yes", "--stage", "local"],
        cwd=ROOT,
        env={**os.environ, "HEADRACE_LOCAL": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def queues(aws: Endpoint) -> tuple[FakeQueue, FakeQueue]:
    dead, source = aws.sqs.create("headrace-local-accept_order-dlq"), aws.sqs.create("headrace-local-accept_order")
    for number in range(MESSAGES):
        aws.put(dead, str(number))
    return dead, source


def until_some_moved(source: FakeQueue) -> None:
    end = time.monotonic() + 30
    while len(source) < 30:
        assert time.monotonic() < end, "nothing was moved in 30 seconds"
        time.sleep(0.01)


def show_again(aws: Endpoint, dead: FakeQueue) -> None:
    """Lets the visibility run out of what the dead process held, once its last receives have waited long enough."""
    time.sleep(WAIT + 0.5)

    def expire() -> None:
        for message in list(dead._flying.values()):
            dead.hide(message.receipt, 0)

    aws.do(expire)


@pytest.mark.long
def test_ctrl_c_finishes_what_is_under_way_and_resume_does_the_rest(aws: Endpoint, stage: Stage, home: Path) -> None:
    dead, source = queues(aws)
    process = start(home)
    until_some_moved(source)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 5
    (run,) = (journal.path.stem for journal in runs.unfinished(stage))
    assert f"`resume {run}` goes on" in " ".join(said.split())
    assert aws.do(lambda: dead.in_flight) == 0
    before = len(source)
    report = resume(stage, run)
    assert report.moved == MESSAGES - before
    assert sorted(source.arrived, key=int) == [str(number) for number in range(MESSAGES)]
    assert runs.unfinished(stage) == []


@pytest.mark.long
def test_a_killed_redrive_is_resumed_and_sends_nothing_that_it_confirmed_again(
    aws: Endpoint, stage: Stage, home: Path
) -> None:
    dead, source = queues(aws)
    process = start(home)
    until_some_moved(source)
    process.kill()
    process.communicate(timeout=30)
    (journal,) = runs.unfinished(stage)
    show_again(aws, dead)
    resume(stage, journal.path.stem)
    assert set(source.arrived) == {str(number) for number in range(MESSAGES)}
    assert len(source.arrived) - MESSAGES <= 10 * 32
    assert len(dead) == 0


def test_a_new_redrive_deletes_what_a_killed_one_sent(aws: Endpoint, stage: Stage) -> None:
    dead, source = aws.sqs.create("headrace-local-accept_order-dlq"), aws.sqs.create("headrace-local-accept_order")
    ids = [aws.put(dead, str(number)) for number in range(5)]
    journal = Journal(runs.path(stage, "20260101-000000-aaaa"), {"queue": "accept_order-dlq", "url": dead.url})
    journal.sent(ids[:2])
    journal.close()
    report = redrive(stage, "accept_order", yes=True)
    assert (report.moved, len(dead)) == (3, 0)
    assert sorted(source.arrived) == ["2", "3", "4"]


def test_a_resumed_redrive_keeps_to_its_limit(aws: Endpoint, stage: Stage) -> None:
    dead = aws.sqs.create("headrace-local-accept_order-dlq")
    ids = [aws.put(dead, str(number)) for number in range(20)]
    asked = {"queue": "accept_order-dlq", "url": dead.url, "limit": 12}
    journal = Journal(runs.path(stage, "20260101-000000-aaaa"), asked)
    journal.sent(ids[:5])
    journal.close()
    assert resume(stage, "20260101-000000-aaaa").moved == 7
    record = json.loads((stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert (record["id"], record["result"]["moved"]) == ("20260101-000000-aaaa", 7)
