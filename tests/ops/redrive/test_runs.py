"""Who works on a queue can be seen and asked to stop, on this machine and on another; and a lease fails closed."""

from __future__ import annotations

import threading
import time

import pytest

import ops.lease as leases
from ops.dead_letters.export import drop
from ops.errors import OpsError, UsageError
from ops.lease import Lease, ask_to_stop, held, running
from ops.queue import Queue, find
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage
from stacks import names
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.move_tasks import MoveTasks
from tests.ops.test_lease import until

RUN = "20260101-000000-aaaa"


@pytest.fixture
def dead(stage: Stage) -> Queue:
    return find(stage, "open_ticket-dlq")


def stopped(lease: Lease) -> threading.Event:
    """Set once the work under that lease is told to stop."""
    told = threading.Event()
    lease.on_loss(told.set)
    return told


def test_status_tells_who_works_on_the_queue_here_and_elsewhere_and_what_ended(
    aws: Endpoint, stage: Stage, other: Stage, dead: Queue
) -> None:
    dead_tickets(aws, 3)
    report = redrive(stage, Request("open_ticket"), yes=True)
    with held(stage, dead, "drop", RUN):
        here = answer("status", "open_ticket")["runs"]
        assert "drop running since 20" in ops("status", "open_ticket").stdout
    with held(other, dead, "redrive", RUN):
        there = answer("status", "open_ticket")["runs"]
    after = answer("status", "open_ticket")["runs"]
    assert [(each["run"], each["action"], each["state"]) for each in here] == [
        (RUN, "drop", "running"),
        (report.run, "redrive", "ended"),
    ]
    assert (there[0]["run"], there[0]["state"]) == (RUN, "running elsewhere")
    assert [(each["run"], each["moved"], each["how"]) for each in after] == [(report.run, 3, "done")]


def test_status_tells_of_awss_own_moves_beside_ours_and_says_where_they_are_not_known(aws: Endpoint) -> None:
    dead_tickets(aws, 3)
    aws.moves = MoveTasks(aws.sqs)
    assert ops("redrive", "open_ticket", "--native", "--yes").exit_code == 0
    told = ops("status", "open_ticket").stdout
    assert "AWS's own: 2025-11-21T21:20:00+00:00  COMPLETED: 3 of 3 to where they came from" in told
    aws.moves = None
    found = answer("status", "open_ticket")
    assert (found["tasks"], found["runs"]) == ([], [])
    assert "AWS's own redrives are not known: ListMessageMoveTasks was refused" in found["problem"]


def test_cancel_stops_a_run_of_this_machine_at_once(aws: Endpoint, stage: Stage, dead: Queue) -> None:
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        with held(stage, dead, "redrive", RUN) as lease:
            told = stopped(lease)
            begun.set()
            if told.wait(20):
                ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(10)
    done = answer("cancel", "open_ticket")
    thread.join(20)
    assert ended.is_set()
    assert (done["run"], done["ended"], done["moved"]) == (RUN, True, None)
    assert ops("cancel", "open_ticket").exit_code == 2, "nothing runs, and AWS's own redrive is unknown here"


def test_cancel_asks_a_run_of_another_machine_which_stops_at_its_next_beat(
    aws: Endpoint, other: Stage, dead: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(other, dead, "redrive", RUN) as slow:
        said = ops("cancel", "open_ticket")
        assert (said.exit_code, slow.ends) == (0, False)
        assert "was asked to stop: within 30 s it begins nothing more." in said.stdout
    monkeypatch.setattr(leases, "EVERY", 0.02)
    with held(other, dead, "redrive", RUN) as lease:
        told = stopped(lease)
        assert not told.wait(0.2), "who was asked before is another"
        ops("cancel", "open_ticket")
        assert told.wait(20)
    assert lease.asked_by is not None
    assert not lease.lost


def test_a_redrive_that_is_cancelled_says_by_whom_and_can_go_on(
    aws: Endpoint, stage: Stage, dead: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 30)

    def cancelled(done: int, of: int, note: str = "") -> None:
        if done >= 10 and (at_it := running(stage, dead)) is not None:
            ask_to_stop(stage, dead, at_it)

    monkeypatch.setattr(leases, "LOOK", 0.01)
    report = redrive(stage, Request("open_ticket", rate=20), yes=True, progress=cancelled)
    assert report.stopped == "interrupted"
    assert (report.problem or "").startswith("Stopped by `cancel`, from ")
    assert 10 <= report.tally.moved < 30
    assert ops("resume", report.run).exit_code == 0
    assert len(queue(aws, "open_ticket")) == 30


def test_cancel_ends_a_native_move_of_awss_by_aws_and_the_run_that_watches_it(
    aws: Endpoint, stage: Stage, dead: Queue
) -> None:
    dead_tickets(aws, 30)
    aws.moves = MoveTasks(aws.sqs, 10)
    arn = queue(aws, "open_ticket-dlq").arn
    stage.client("sqs").start_message_move_task(SourceArn=arn)
    assert answer("cancel", "open_ticket") == {"moved": 10, "run": None, "ended": None, "problem": None}
    nothing = ops("cancel", "open_ticket")
    assert (nothing.exit_code, nothing.stdout) == (2, "")
    assert "No redrive from open_ticket-dlq is under way, ours or AWS's." in nothing.stderr


def test_where_the_lease_cannot_be_asked_nothing_is_begun_unless_the_person_works_alone(aws: Endpoint) -> None:
    dead_tickets(aws, 2)
    aws.refusing = {"dynamodb_20120810"}
    for command in ("redrive", "drop"):
        refused = ops(command, "open_ticket", "--yes")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "Whether somebody works on open_ticket-dlq cannot be asked: PutItem was refused" in refused.stderr
        assert "say --alone." in refused.stderr
    assert len(queue(aws, "open_ticket-dlq")) == 2
    assert answer("redrive", "open_ticket")["tally"]["matched"] == 2, "a look is always allowed"
    assert answer("redrive", "open_ticket", "--limit", "1", "--alone", "--yes")["tally"]["moved"] == 1
    assert answer("drop", "open_ticket", "--alone", "--yes")["deleted"] == 1


def test_who_works_alone_takes_the_lease_once_it_can_be_asked_and_gives_way_to_another(
    aws: Endpoint, stage: Stage, other: Stage, dead: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "EVERY", 0.02)
    aws.refusing = {"dynamodb_20120810"}
    with pytest.raises(OpsError, match="--alone"), held(stage, dead, "redrive", RUN):
        pass
    table = aws.tables[names.resource(names.LOCAL, names.REDRIVES)]
    with held(stage, dead, "redrive", RUN, alone=True):
        aws.refusing = set()
        until(lambda: bool(table))
        with pytest.raises(UsageError, match=RUN), held(other, dead, "redrive", "another"):
            pass
    (key,) = table
    aws.refusing = {"dynamodb_20120810"}
    with held(stage, dead, "redrive", RUN, alone=True) as mine:
        told = stopped(mine)
        table[key] |= {"token": {"S": "another's"}, "free_at": {"N": str(int(time.time()) + 60)}}
        aws.refusing = set()
        assert told.wait(20)
    assert mine.lost


def test_a_queue_of_others_needs_no_lease(aws: Endpoint, stage: Stage) -> None:
    theirs = aws.sqs.create("theirs-dlq")
    aws.sqs.create("theirs", theirs)
    aws.put(theirs, "{}")
    aws.refusing = {"dynamodb_20120810"}
    assert drop(stage, theirs.arn, yes=True).deleted == 1


def test_drop_takes_no_queue_of_others_that_is_nobodys_dead_letter_queue_unless_it_is_told_to(aws: Endpoint) -> None:
    work = aws.sqs.create("theirs")
    aws.put(work, "{}")
    for more in ([], ["--yes"]):
        refused = ops("drop", work.arn, *more)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert f"{work.arn} is no queue's dead-letter queue" in refused.stderr
        assert "say --any-queue" in refused.stderr
    assert len(work) == 1
    assert answer("drop", work.arn, "--any-queue", "--yes")["deleted"] == 1
