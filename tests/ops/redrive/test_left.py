"""What was there at the start and is left is told, and never taken for done: whoever hides it, and whatever stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.dead_letters import start as starts
from ops.dead_letters.start import Counts, Start
from ops.queue import Queue
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.redrive.run import redrive, resume
from ops.sqs import sweep as sweeps
from ops.sqs.clock import Clock
from ops.stage import Stage
from tests.aws.queues import FakeQueue
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint

RUN = "20260101-000000-aaaa"


def died(stage: Stage, dead: FakeQueue, word: str) -> Journal:
    """The journal of a redrive whose process was killed just now, between two batches: nothing is left to delete."""
    journal = Journal(journals.path(stage, RUN), Queue(f"{word}-dlq", "dead", dead.name, dead.url), Request(word))
    journal.hold()
    journal.begin()
    journal.close()
    assert (stage.files / f"{RUN}.pulse").read_text()
    return journal


@pytest.fixture
def few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that died hides its messages for some seconds more at the most."""
    monkeypatch.setattr(sweeps, "VISIBILITY", 8)
    for name in ("EVERY", "SPARE"):
        monkeypatch.setattr(f"ops.redrive.run.{name}", 0)


@pytest.mark.parametrize("word", ["open_ticket", "change_ticket"], ids=["standard", "fifo"])
@pytest.mark.parametrize("by", ["resume", "redrive"])
def test_right_after_a_kill_what_the_dead_process_hides_is_waited_for(
    aws: Endpoint, stage: Stage, few_seconds: None, word: str, by: str
) -> None:
    dead = queue(aws, f"{word}-dlq")
    for number in range(30):
        aws.put(dead, json.dumps({"n": number}), group="g" if dead.fifo else None)
    died(stage, dead, word)
    aws.do(lambda: dead.take(10, 4))
    notes: list[str] = []

    def note(done: int, of: int, note: str = "") -> None:
        notes.append(note)

    report = (
        resume(stage, RUN, progress=note) if by == "resume" else redrive(stage, Request(word), yes=True, progress=note)
    )
    assert (report.tally.moved, report.in_flight, len(dead)) == (30, 0, 0)
    assert any(each.startswith("waiting for what a process that died hides") for each in notes)
    assert journals.unfinished(stage) == []
    assert not (stage.files / f"{RUN}.pulse").exists() or not (stage.files / f"{RUN}.pulse").read_text()


def test_what_stays_in_flight_keeps_the_journal_open_and_the_next_does_not_wait_for_it(
    aws: Endpoint, stage: Stage
) -> None:
    dead = queue(aws, "change_ticket-dlq")
    for number in range(30):
        aws.put(dead, json.dumps({"n": number}), group="g")
    aws.do(lambda: dead.take(10, 600))
    for _ in range(2):
        result = ops("redrive", "change_ticket", "--yes", "--json")
        report, error = json.loads(result.stdout), json.loads(result.stderr)
        assert (result.exit_code, report["in_flight"], report["tally"]["moved"]) == (3, 30, 0), result.output
        assert f"`resume {report['run']}` goes on in two minutes" in error["error"]
    aws.do(dead.show_all)
    assert answer("resume", report["run"])["tally"]["moved"] == 30


def limited(aws: Endpoint, monkeypatch: pytest.MonkeyPatch, receives: int) -> None:
    """SQS lets no more be in flight after so many receives."""
    serve, left = aws.sqs.__class__.__call__, [receives]

    async def full(self: Any, action: str, payload: bytes) -> tuple[int, bytes]:
        left[0] -= action == "ReceiveMessage"
        if left[0] < 0 and action == "ReceiveMessage":
            return 403, b'{"__type": "com.amazonaws.sqs#OverLimit", "message": "too many"}'
        return await serve(self, action, payload)

    monkeypatch.setattr(aws.sqs.__class__, "__call__", full)


@pytest.mark.parametrize("command", ["redrive", "drop"])
def test_where_sqs_lets_no_more_be_in_flight_it_is_told_and_can_go_on(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    dead_tickets(aws, 80)
    with monkeypatch.context() as outage:
        limited(aws, outage, 3)
        result = ops(command, "open_ticket", "--yes")
        assert (result.exit_code, "lets no more messages be in flight" in result.stderr) == (5, True), result.output
        limited(aws, outage, 3)
        dry = ops(command, "open_ticket")
        assert "lets no more messages be in flight" in dry.output
        assert "others have them" not in dry.output
    if command == "redrive":
        (journal,) = journals.unfinished(stage)
        answer("resume", journal.run)
        assert len(queue(aws, "open_ticket-dlq")) == 0


def test_as_many_held_as_may_be_is_told_and_keeps_the_journal(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = dead_tickets(aws, 60)
    begin = sweeps.Sweep.__init__
    monkeypatch.setattr(begin, "__kwdefaults__", {**(begin.__kwdefaults__ or {}), "most_held": 20})
    result = ops("redrive", "open_ticket", "--ids", ids[-1], "--yes")
    assert (result.exit_code, len(journals.unfinished(stage))) == (5, 1), result.output


def counting(monkeypatch: pytest.MonkeyPatch, count: Callable[[Start], Counts]) -> None:
    """SQS counts something else at the start."""
    of = Start.of.__func__  # type: ignore[attr-defined]

    def odd(cls: type[Start], stage: Stage, dead: Queue) -> Start:
        began = of(cls, stage, dead)
        return Start(count(began), datetime.now(UTC))

    monkeypatch.setattr(starts.Start, "of", classmethod(odd))


@pytest.mark.parametrize("command", ["redrive", "drop"])
def test_where_the_counts_lag_behind_the_first_that_are_left_are_told(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    dead_tickets(aws, 100)
    with monkeypatch.context() as lag:
        counting(lag, lambda _: Counts(40, 0, 0))
        result = ops(command, "open_ticket", "--yes")
    assert (result.exit_code, "came after the start" in result.stdout) == (3, False), result.output
    assert "SQS counted 40 at the start" in result.stderr


@pytest.mark.parametrize("command", ["redrive", "drop", "export"])
def test_an_answer_without_counts_is_no_empty_queue(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, command: str, tmp_path: Path
) -> None:
    dead_tickets(aws, 30)
    serve = aws.sqs.__class__.__call__

    async def uncounted(self: Any, action: str, payload: bytes) -> tuple[int, bytes]:
        if action == "GetQueueAttributes" and b"ApproximateNumberOfMessages" in payload:
            return 200, b'{"Attributes": {}}'
        return await serve(self, action, payload)

    monkeypatch.setattr(aws.sqs.__class__, "__call__", uncounted)
    result = ops(command, "open_ticket", *([str(tmp_path / "x")] if command == "export" else ["--yes"]))
    assert (result.exit_code, "ApproximateNumberOfMessages" in result.stderr) == (1, True), result.output


def test_what_was_held_for_too_long_and_not_sent_is_no_success(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_tickets(aws, 10)
    dead, take = queue(aws, "open_ticket-dlq"), FakeQueue.take

    def away(most: int, visibility: float) -> list[Any]:
        taken = take(dead, most, visibility)
        for message in taken:  # somebody else has it by the time it would be sent
            dead.remove(message.receipt)
        return taken

    dead.take = away  # type: ignore[method-assign]
    monkeypatch.setattr(sweeps.Sweep, "lapsed", lambda _, ids: set(ids))
    monkeypatch.setattr(sweeps.Sweep, "_look_again", lambda _: None)
    result = ops("redrive", "open_ticket", "--yes", "--json")
    assert (result.exit_code, json.loads(result.stdout)["tally"]["lapsed"]) == (3, 10), result.output


def test_the_command_sends_nothing_again_that_its_sweep_holds_no_more(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 5)
    serve, now, sends = aws.sqs.__class__.__call__, Clock.now, list[int]()

    async def slow(self: Any, action: str, payload: bytes) -> tuple[int, bytes]:
        if action == "SendMessageBatch":
            sends.append(1)
            monkeypatch.setattr(Clock, "now", lambda clock: now(clock) + 10_000)
            return 503, b"<html>"
        return await serve(self, action, payload)

    monkeypatch.setattr(aws.sqs.__class__, "__call__", slow)
    monkeypatch.setattr(sweeps.Sweep, "_look_again", lambda _: None)
    ops("redrive", "open_ticket", "--yes")
    assert len(sends) == 1
