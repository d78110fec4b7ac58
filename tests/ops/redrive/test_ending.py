"""How a run ends: in which word, what it leaves to go on with, and whether it may still hide messages."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ops.dead_letters.selection import Selection
from ops.dead_letters.start import Counts
from ops.errors import OpsError
from ops.queue import find_dead
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.redrive.run import redrive, resume
from ops.sqs import sweep as sweeps
from ops.sqs.message import Entry
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.endpoint import Endpoint
from tests.ops.redrive.test_arrivals import arriving
from tests.ops.redrive.test_interruption import RUN, WORK


def refuses(monkeypatch: pytest.MonkeyPatch, aws: Endpoint, *actions: str, after: int = 0) -> None:
    """SQS refuses those calls, after so many of the first of them."""
    serve, left = aws.sqs.__class__.__call__, [after]

    async def refusing(self: Any, action: str, payload: bytes) -> tuple[int, bytes]:
        left[0] -= action == actions[0]
        if action in actions and left[0] < 0:
            return 403, b'{"__type": "AccessDenied", "message": "no"}'
        return await serve(self, action, payload)

    monkeypatch.setattr(aws.sqs.__class__, "__call__", refusing)


def died(stage: Stage, request: Request | None = None) -> None:
    """A run whose process was killed a moment ago: it may still hide messages."""
    request = request or Request("open_ticket")
    journal = Journal(journals.path(stage, RUN), find_dead(stage, "open_ticket"), request)
    journal.hold()
    journal.begin()
    journal.close()


def may_hide(stage: Stage, run: str) -> bool:
    """Whether the process that had that run may hide messages, as the next that goes on with it sees it."""
    journal = Journal.read(journals.path(stage, run))
    journal.hold()
    journal.close(worked=False)
    return journal.pulse.died


@pytest.mark.parametrize(
    ("request_", "ended"),
    [
        (Request("open_ticket"), "done"),
        (Request("open_ticket", limit=2), "limit"),
        (Request("open_ticket", to="open_ticket"), "came back"),
        (Request("open_ticket", to="open_ticket"), "start"),
    ],
)
def test_a_run_that_did_what_was_asked_ends_and_says_how(
    aws: Endpoint, stage: Stage, request_: Request, ended: str
) -> None:
    dead_tickets(aws, 30)
    if ended in ("start", "came back"):  # its consumer sends them back, as new ones or as they are
        dead, work = queue(aws, "open_ticket-dlq"), queue(aws, "open_ticket")
        kept = ended == "came back"
        work.put = lambda entry, **_: dead.put(  # type: ignore[method-assign]
            Entry(entry.id, entry.message_body, entry.message_attributes if kept else {})
        )
    report = redrive(stage, request_, yes=True)
    assert Journal.read(journals.path(stage, report.run)).ended == ended
    assert journals.unfinished(stage) == []
    assert not journals.path(stage, report.run).with_suffix(".pulse").exists()


@pytest.mark.parametrize("released", [True, False])
def test_a_run_that_fails_hides_messages_only_where_it_could_not_release_them(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch, released: bool
) -> None:
    dead_tickets(aws, 60)
    with monkeypatch.context() as outage:
        more = () if released else ("ChangeMessageVisibilityBatch",)
        refuses(outage, aws, "SendMessageBatch", *more, after=2)
        report = redrive(stage, Request("open_ticket"), yes=True)
    assert (report.stopped, 0 < report.tally.moved < 60) == ("failed", True)
    assert may_hide(stage, report.run) is not released


def test_a_run_that_fails_leaves_the_sign_that_one_before_it_died(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 60)
    died(stage)
    with monkeypatch.context() as outage:
        refuses(outage, aws, "SendMessageBatch", after=2)
        assert resume(stage, RUN).stopped == "failed"
    assert may_hide(stage, RUN)


@pytest.mark.parametrize(
    ("request_", "hides"),
    [
        (Request("open_ticket", limit=1), True),
        (Request("open_ticket", selection=Selection(filter="body.n > `2`")), False),
    ],
    ids=["not all was seen", "all was seen"],
)
def test_a_run_that_died_hides_nothing_once_another_saw_all_there_was(
    aws: Endpoint, stage: Stage, request_: Request, hides: bool
) -> None:
    dead_tickets(aws, 5)
    died(stage)
    report = redrive(stage, request_, yes=True)
    assert [journal.run for journal in journals.unfinished(stage)] == [RUN]
    assert (report.tally.moved, may_hide(stage, RUN)) == (1 if hides else 2, hides)


def test_a_run_that_died_hides_nothing_any_more_once_that_would_be_over(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "VISIBILITY", 1)
    for name in ("EVERY", "SPARE"):
        monkeypatch.setattr(f"ops.redrive.run.{name}", -0.5)
    dead_tickets(aws, 5)
    died(stage)
    redrive(stage, Request("open_ticket", limit=1), yes=True)
    assert not may_hide(stage, RUN)


def test_what_others_hold_is_counted_beside_what_came_later_and_what_stays(aws: Endpoint, stage: Stage) -> None:
    dead = queue(aws, "open_ticket-dlq")
    dead_tickets(aws, 10)
    aws.do(lambda: [dead.take(1, 600) for _ in range(3)])
    arriving(dead, 5, seconds=60)
    report = redrive(stage, Request("open_ticket", selection=Selection(filter="body.n != `5`")), yes=True)
    assert (report.tally.moved, report.tally.late, report.in_flight, report.locked) == (6, 5, 3, 0)
    assert (report.whole, report.uncounted, report.unseen, report.before, report.after) == (
        False,
        0,
        0,
        Counts(7, 3, 0),
        Counts(6, 3, 0),
    )


@pytest.mark.parametrize(
    ("sent", "whom"), [(False, "what a process that died hides"), (True, "1 sent messages that are out of sight")]
)
def test_what_a_process_hides_that_died_is_waited_for_for_two_and_a_half_minutes(
    aws: Endpoint, stage: Stage, sent: bool, whom: str
) -> None:
    ids = dead_tickets(aws, 3)
    died(stage)
    if sent:
        journal = Journal.read(journals.path(stage, RUN))
        journal.sent(ids[:1])
        journal.close()
    dead = queue(aws, "open_ticket-dlq")
    aws.do(lambda: dead.take(1, 600))
    notes: list[tuple[int, int, str]] = []

    def impatient(done: int, of: int, note: str = "") -> None:
        if note:
            notes.append((done, of, note))
            raise KeyboardInterrupt

    report = resume(stage, RUN, progress=impatient)
    assert (report.stopped, report.failure, report.undeleted) == ("interrupted", None, int(sent))
    ((done, of, note),) = notes
    assert (done, of) == (2, 2)
    found = re.fullmatch(rf"waiting for {whom}, (\d+) s at the most", note)
    assert found is not None
    assert 140 <= int(found[1]) <= 150


def test_a_redrive_that_fails_before_anything_was_sent_leaves_nothing_behind(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 3)
    with monkeypatch.context() as outage:
        refuses(outage, aws, "ReceiveMessage")
        with pytest.raises(OpsError, match=r"SQS refused ReceiveMessage: no \(AccessDenied\)"):
            redrive(stage, Request("open_ticket"), yes=True)
    assert (journals.files(stage), list(stage.files.glob("*.pulse"))) == ([], [])
    record = json.loads((stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert record["result"] == {"stopped": "failed"}


def test_a_run_whose_deletions_fail_says_how_many_are_there_still(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 25)
    with monkeypatch.context() as outage:
        refuses(outage, aws, "DeleteMessageBatch")
        report = redrive(stage, Request("open_ticket"), yes=True)
    (journal,) = journals.unfinished(stage)
    assert (report.stopped, report.failure) == ("failed", "SQS refused DeleteMessageBatch: no (AccessDenied).")
    assert report.undeleted == len(journal.pending) == report.tally.moved > 0
    record = json.loads((stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert (record["result"]["undeleted"], record["result"]["stopped"]) == (report.undeleted, "failed")
    assert report.seconds == round(report.seconds, 3) > 0


def test_what_a_run_did_is_in_its_record_and_what_it_did_not_is_not(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 3)
    redrive(stage, Request("open_ticket", limit=2), yes=True)
    record = json.loads((stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert record["result"] == {"seen": 3, "matched": 2, "moved": 2, "to": {WORK: 2}, "stopped": "limit"}
