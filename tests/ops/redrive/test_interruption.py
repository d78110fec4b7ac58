"""A redrive whose process is stopped or killed, and what `resume` makes of it: real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.dead_letters.selection import Selection
from ops.queue import Queue
from ops.redrive import journal as journals
from ops.redrive import run as redrives
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.redrive.run import redrive, resume
from ops.sqs import sweep as sweeps
from ops.sqs.message import Entry
from ops.sqs.sweep import WAIT
from ops.stage import Stage
from stacks import names
from tests.aws.queues import FakeQueue
from tests.ops.cli.typed import ops
from tests.ops.endpoint import Endpoint

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = 300
RUN = "20260101-000000-aaaa"
WORK = names.queue(names.LOCAL, "open_ticket")
DEAD = names.dead_letter_queue(names.LOCAL, "open_ticket")


def start(home: Path, *how: str) -> subprocess.Popen[str]:
    """`redrive` in a process of its own, slow enough to be caught in the middle."""
    return subprocess.Popen(
        [
            sys.executable,
            *(how or ("-m", "tests.sample.ops")),
            "redrive",
            "open_ticket",
            "--rate",
            "100",
            "--yes",
            "--stage",
            names.LOCAL,
        ],
        cwd=ROOT,
        env={**os.environ, "HEADRACE_LOCAL": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def queues(aws: Endpoint) -> tuple[FakeQueue, FakeQueue]:
    dead, source = aws.sqs.create(DEAD), aws.sqs.create(WORK)
    for number in range(MESSAGES):
        aws.put(dead, str(number))
    return dead, source


def until_some_moved(source: FakeQueue) -> None:
    end = time.monotonic() + 30
    while len(source) < 30:
        assert time.monotonic() < end, "nothing was moved in 30 seconds"
        time.sleep(0.01)


def interrupted(stage: Stage, dead: FakeQueue, request: Request, sent: list[str]) -> None:
    """The journal of a redrive that died after it had sent those messages, and before it deleted them."""
    journal = Journal(journals.path(stage, RUN), Queue("open_ticket-dlq", "dead", DEAD, dead.url), request)
    journal.sent(sent)
    journal.close()


def long_ago(journal: Journal) -> None:
    """Makes it long ago that the process of that journal was last seen at work."""
    for file in journal.path.parent.glob(f"{journal.run}.*"):
        os.utime(file, (0, 0))


def show_again(aws: Endpoint, dead: FakeQueue, journal: Journal) -> None:
    """Lets the visibility run out of what the dead process held, once its last receives have waited long enough."""
    time.sleep(WAIT + 0.5)
    long_ago(journal)

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
    (run,) = (journal.run for journal in journals.unfinished(stage))
    assert f"`resume {run}` goes on" in " ".join(said.split())
    assert aws.do(lambda: dead.in_flight) == 0
    before = len(source)
    report = resume(stage, run)
    assert report.tally.moved == MESSAGES - before
    assert sorted(source.arrived, key=int) == [str(number) for number in range(MESSAGES)]
    assert journals.unfinished(stage) == []


@pytest.mark.long
def test_a_killed_redrive_is_resumed_and_sends_nothing_that_it_confirmed_again(
    aws: Endpoint, stage: Stage, home: Path
) -> None:
    dead, source = queues(aws)
    process = start(home)
    until_some_moved(source)
    process.kill()
    process.communicate(timeout=30)
    (journal,) = journals.unfinished(stage)
    show_again(aws, dead, journal)
    resume(stage, journal.run)
    assert set(source.arrived) == {str(number) for number in range(MESSAGES)}
    assert len(source.arrived) - MESSAGES <= MESSAGES / 5 * 32
    assert len(dead) == 0


@pytest.fixture
def one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that died hides its messages for a second more at the most."""
    for module, name in ((sweeps, "VISIBILITY"), (redrives, "EVERY"), (redrives, "SPARE")):
        monkeypatch.setattr(module, name, {"VISIBILITY": 1}.get(name, 0))


def test_a_resume_at_once_waits_for_what_was_sent_and_is_still_hidden(
    aws: Endpoint, stage: Stage, one_second: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "VISIBILITY", 6)
    dead, source = aws.sqs.create(DEAD), aws.sqs.create(WORK)
    ids = [aws.put(dead, str(number)) for number in range(20)]
    interrupted(stage, dead, Request("open_ticket"), ids[:10])
    aws.do(lambda: dead.take(10, 3))  # longer than it takes to begin, on a busy machine too
    notes: list[str] = []
    report = resume(stage, RUN, progress=lambda done, of, note="": notes.append(note))
    assert (report.tally.moved, report.undeleted, len(dead), len(source)) == (10, 0, 0, 10)
    assert any(note.startswith("waiting for 10 sent messages") for note in notes)
    assert journals.unfinished(stage) == []


def test_what_stays_out_of_sight_keeps_the_journal_open_and_the_exit_code_says_to_come_back(
    aws: Endpoint, stage: Stage, one_second: None
) -> None:
    dead, source = aws.sqs.create(DEAD), aws.sqs.create(WORK)
    ids = [aws.put(dead, str(number)) for number in range(20)]
    interrupted(stage, dead, Request("open_ticket"), ids[:10])
    aws.do(lambda: dead.take(10, 60))
    result = ops("resume", RUN)
    assert (result.exit_code, f"`resume {RUN}` in two minutes" in result.stderr) == (5, True), result.output
    (journal,) = journals.unfinished(stage)
    assert journal.pending == set(ids[:10])
    long_ago(journal)
    aws.do(dead.show_all)
    assert redrive(stage, Request("open_ticket"), yes=True).tally.moved == 0
    assert (len(dead), len(source), journals.unfinished(stage)) == (0, 10, [])


def test_what_was_deleted_before_the_process_could_say_so_is_settled_by_a_resume(aws: Endpoint, stage: Stage) -> None:
    dead = aws.sqs.create(DEAD)
    interrupted(stage, dead, Request("open_ticket"), ["gone"])
    long_ago(journals.unfinished(stage)[0])
    assert resume(stage, RUN).undeleted == 0
    assert journals.unfinished(stage) == []


def test_a_resumed_redrive_deletes_what_it_sent_although_its_limit_is_reached(
    aws: Endpoint, stage: Stage, one_second: None
) -> None:
    dead, source = aws.sqs.create(DEAD), aws.sqs.create(WORK)
    ids = [aws.put(dead, str(number)) for number in range(20)]
    interrupted(stage, dead, Request("open_ticket", limit=5), ids[:5])
    aws.do(lambda: dead.take(5, 0.5))
    assert resume(stage, RUN).undeleted == 0
    assert (len(dead), len(source), journals.unfinished(stage)) == (15, 0, [])


def test_a_dry_run_deletes_nothing_that_another_run_sent(aws: Endpoint, stage: Stage) -> None:
    dead = aws.sqs.create(DEAD)
    ids = [aws.put(dead, str(number)) for number in range(5)]
    interrupted(stage, dead, Request("open_ticket"), ids[:2])
    assert redrive(stage, Request("open_ticket")).tally.matched == 3
    assert (len(dead), aws.do(lambda: dead.in_flight)) == (5, 0)


def test_a_redrive_that_runs_is_not_resumed(aws: Endpoint, stage: Stage) -> None:
    dead = aws.sqs.create(DEAD)
    interrupted(stage, dead, Request("open_ticket"), [aws.put(dead, "0")])
    running = journals.of(stage, RUN)
    result = ops("resume", RUN)
    assert (result.exit_code, f"{RUN} runs, in process {os.getpid()}" in result.stderr) == (2, True), result.output
    assert len(dead) == 1
    running.close()
    assert resume(stage, RUN).undeleted == 0


STOPPABLE = """
import ops.sqs.sweep
from ops.cli.app import app
from tests.sample.lifetime import now
ops.sqs.sweep.VISIBILITY = 2
app(prog_name="python -m ops", obj=now())
"""
"""The command, whose holds last two seconds."""


@pytest.mark.long
def test_a_process_that_was_stopped_for_longer_than_its_holds_sends_nothing_that_others_moved(
    aws: Endpoint, stage: Stage, home: Path
) -> None:
    dead, source = queues(aws)
    process = start(home, "-c", STOPPABLE)
    until_some_moved(source)
    process.send_signal(signal.SIGSTOP)
    time.sleep(3)

    def move_the_others() -> int:
        before = len(source)
        while taken := dead.take(10, 30):
            for message in taken:
                source.put(Entry(message.id, message.body, {}))
                dead.remove(message.receipt)
        return len(source) - before

    assert aws.do(move_the_others) > MESSAGES / 2
    process.send_signal(signal.SIGCONT)
    said, _ = process.communicate(timeout=30)
    assert "held for too long" in said
    # What was sent just before the stop was not deleted yet, and the others moved it too: some batches at the most.
    assert set(source.arrived) == {str(number) for number in range(MESSAGES)}
    assert len(source.arrived) - MESSAGES <= MESSAGES / 5


def test_a_new_redrive_deletes_what_a_killed_one_sent(aws: Endpoint, stage: Stage) -> None:
    dead, source = aws.sqs.create(DEAD), aws.sqs.create(WORK)
    ids = [aws.put(dead, str(number)) for number in range(5)]
    interrupted(stage, dead, Request("open_ticket"), ids[:2])
    report = redrive(stage, Request("open_ticket"), yes=True)
    assert (report.tally.moved, len(dead)) == (3, 0)
    assert sorted(source.arrived) == ["2", "3", "4"]


def test_a_resumed_redrive_keeps_to_its_limit(aws: Endpoint, stage: Stage) -> None:
    dead = aws.sqs.create(DEAD)
    ids = [aws.put(dead, str(number)) for number in range(20)]
    interrupted(stage, dead, Request("open_ticket", limit=12), ids[:5])
    assert resume(stage, RUN).tally.moved == 7
    record = json.loads((stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert (record["id"], record["result"]["moved"]) == (RUN, 7)


requests = st.builds(
    Request,
    st.just("open_ticket"),
    selection=st.builds(Selection, filter=st.none() | st.just("body.a"), older_than=st.none() | st.integers(1)),
    to=st.none() | st.text(),
    limit=st.none() | st.integers(1),
    edit=st.none() | st.just("{}"),
    rate=st.sampled_from(["auto", "max"]) | st.floats(0.01, 1e9),
    keep_order=st.booleans(),
    force=st.booleans(),
    natively=st.none() | st.booleans(),
)


@given(requests)
def test_whatever_was_asked_is_what_a_resumed_redrive_does(request: Request) -> None:
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "run.journal", Queue("a-dlq", "dead", "a-dlq", "http://sqs/1/a-dlq"), request)
        journal.sent(["m1"])
        journal.close()
        again = Journal.read(journal.path)
    assert (again.request, again.queue, again.pending) == (request, journal.queue, {"m1"})
