"""AWS's own move while things go wrong: what was seen of it is told and recorded, and none goes on unsaid."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.dead_letters.start import Counts, Start
from ops.errors import OpsError
from ops.queue import Queue
from ops.redrive import native as native_module
from ops.redrive import native_run
from ops.sqs.message import Entry
from ops.stage import Stage
from tests.aws.queues import FakeSqs
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.move_tasks import MoveTasks


def native() -> tuple[int, str]:
    result = ops("redrive", "open_ticket", "--native", "--yes")
    return result.exit_code, result.output


class Answers:
    """Move tasks whose answers a test changes: by action, what comes in place of each answer, None for itself."""

    def __init__(self, moves: MoveTasks, action: str, *answers: tuple[int, str] | None, last: Any = None) -> None:
        self.moves = moves
        self.actions = moves.actions
        self.tasks = moves.tasks
        self._action = action
        self._answers = list(answers)
        self._last = last

    def __call__(self, action: str, request: dict[str, Any]) -> tuple[int, bytes]:
        changed = None
        if action == self._action:
            changed = self._answers.pop(0) if self._answers else self._last
        if changed is None:
            return self.moves(action, request)
        return changed[0], changed[1].encode()


DENIED = (403, '{"__type": "com.amazonaws.sqs#AccessDenied", "message": "not you"}')
LIST, CANCEL = "listmessagemovetasks", "cancelmessagemovetask"


def audited(aws: Endpoint) -> list[Any]:
    """What the audit says of how runs ended; each ended."""
    assert all("ended_at" in record for record in aws.records)
    return [json.loads(record["result"]["S"])["moved"] for record in aws.records]


def test_ctrl_c_while_what_came_back_is_looked_for_takes_nothing_from_the_count(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: native_run._Course) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(native_run._Course, "linger", interrupted)
    dead_tickets(aws, 30)
    aws.moves = MoveTasks(aws.sqs, 10)
    code, told = native()
    assert (code, "30 redriven" in told, "was not looked for to the end" in told) == (0, True, True), told
    assert audited(aws) == [30]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_native_move_that_is_interrupted_is_cancelled_counted_and_recorded(aws: Endpoint, number: int) -> None:
    dead_tickets(aws, 60)

    def interrupt() -> None:
        if not sent:
            sent.append(number)
            os.kill(os.getpid(), number)

    sent: list[int] = []
    aws.moves = MoveTasks(aws.sqs, 10, interrupt)
    code, told = native()
    assert aws.moves.tasks[0]["Status"] == "CANCELLED"
    moved = aws.moves.tasks[0]["ApproximateNumberOfMessagesMoved"]
    assert moved < 60
    assert (code, f"Stopped after {moved} messages" in told, audited(aws)) == (5, True, [moved]), told


def test_a_native_move_is_followed_through_answers_that_fail_or_lag(aws: Endpoint) -> None:
    dead_tickets(aws, 30)
    lag = (200, '{"Results": []}')
    aws.moves = Answers(MoveTasks(aws.sqs, 10), LIST, None, lag, DENIED, None, DENIED)  # type: ignore[assignment]
    assert answer("redrive", "open_ticket", "--native", "--yes")["tally"]["moved"] == 30


def test_an_older_task_is_never_taken_for_the_one_that_runs(aws: Endpoint) -> None:
    dead_tickets(aws, 30)
    moves = MoveTasks(aws.sqs, 10)
    old = {"Status": "COMPLETED", "SourceArn": queue(aws, "open_ticket-dlq").arn, "StartedTimestamp": 1}
    moves.tasks.append({**old, "ApproximateNumberOfMessagesMoved": 777, "ApproximateNumberOfMessagesToMove": 777})
    lag = (200, json.dumps({"Results": moves.tasks}))
    aws.moves = Answers(moves, LIST, None, lag, lag)  # type: ignore[assignment]
    assert answer("redrive", "open_ticket", "--native", "--yes")["tally"]["moved"] == 30


def test_a_native_move_that_nobody_can_watch_is_cancelled_with_what_was_seen_of_it(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_module, "PATIENCE", 2)
    dead_tickets(aws, 60)
    aws.moves = Answers(MoveTasks(aws.sqs, 10), LIST, None, None, last=DENIED)  # type: ignore[assignment]
    code, told = native()
    assert (code, "10 redriven" in told, "It was cancelled" in told, audited(aws)) == (5, True, True, [10]), told
    assert aws.moves is not None
    assert aws.moves.tasks[0]["Status"] == "CANCELLED"


def test_a_native_move_that_may_not_be_cancelled_is_said_to_go_on(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_module, "PATIENCE", 2)
    dead_tickets(aws, 20)
    dead, work = queue(aws, "open_ticket-dlq"), queue(aws, "open_ticket")

    def others() -> None:
        for number in range(12):
            dead.put(Entry("1", f'{{"other": {time.monotonic_ns()}{number}}}'), source=work.arn)

    aws.moves = Answers(MoveTasks(aws.sqs, 10, others), CANCEL, last=DENIED)  # type: ignore[assignment]
    code, told = native()
    moved = aws.moves.tasks[0]["ApproximateNumberOfMessagesMoved"] if aws.moves is not None else 0
    assert (code, f"stopped after {moved} messages: AWS's move could not be cancelled" in told) == (5, True), told
    assert "It goes on by itself" in told
    assert audited(aws) == [moved]


def test_a_native_move_that_failed_says_why_and_how_far_it_came(aws: Endpoint) -> None:
    dead_tickets(aws, 60)

    def fail() -> None:
        assert aws.moves is not None
        (task,) = aws.moves.tasks
        if task["ApproximateNumberOfMessagesMoved"] == 30:
            aws.moves._end(task, "FAILED")
            task["FailureReason"] = "AWS.SimpleQueueService.NonExistentQueue"

    aws.moves = MoveTasks(aws.sqs, 10, fail)
    code, told = native()
    assert (code, "30 redriven" in told, audited(aws)) == (5, True, [30]), told
    assert "stopped after 30 messages: AWS's move failed: AWS.SimpleQueueService.NonExistentQueue." in told


def test_a_native_move_is_recorded_before_it_begins(aws: Endpoint, stage: Stage) -> None:
    dead_tickets(aws, 5)
    aws.moves = MoveTasks(aws.sqs, 10)
    (stage.open_files() / "audit.jsonl").mkdir()
    assert native()[0] == 1
    assert aws.moves.tasks == []


def test_a_count_that_fails_at_the_end_takes_nothing_from_what_is_told(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_to_count(*_: object) -> Any:
        raise OpsError("GetQueueAttributes was refused: slow (RequestThrottled).")

    monkeypatch.setattr(native_run, "depth", refuse_to_count)
    dead_tickets(aws, 30)
    aws.moves = MoveTasks(aws.sqs, 10)
    code, told = native()
    assert (code, "30 redriven" in told, "What is left was not counted" in told) == (0, True, True), told
    assert audited(aws) == [30]


def test_a_native_move_that_ends_by_a_count_that_lagged_says_what_is_left_and_exits_with_3(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Start.of

    def lagging(stage: Stage, dead: Queue) -> Start:
        true = start(stage, dead)
        return Start(Counts(true.waiting // 3, 0, 0), datetime.now(UTC))

    monkeypatch.setattr(Start, "of", lagging)
    dead_tickets(aws, 200)
    aws.moves = MoveTasks(aws.sqs, 10)
    code, told = native()
    left = len(queue(aws, "open_ticket-dlq"))
    assert left > 0
    assert (code, f"SQS counted 66 at the start; {left} are left" in told) == (3, True), told
    assert "all that were there at the start" not in told


def test_what_others_hold_is_left_by_a_native_move_said_and_exits_with_3(aws: Endpoint) -> None:
    dead_tickets(aws, 30)
    dead = queue(aws, "open_ticket-dlq")
    aws.do(lambda: [dead.take(10, 600) for _ in range(2)])
    aws.moves = MoveTasks(aws.sqs, 10)
    code, told = native()
    assert (
        code,
        "10 redriven" in told,
        "in flight, which somebody holds, or behind one that is: try again" in told,
    ) == (3, True, True), told
    assert "In the queue before: 10 to receive, 20 in flight" in told


def test_counts_that_sqs_does_not_say_are_not_taken_for_none(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_tickets(aws, 3)

    serve = FakeSqs.__call__

    async def silent(self: FakeSqs, action: str, payload: bytes) -> tuple[int, bytes]:
        if action == "GetQueueAttributes" and b"Delayed" in payload:
            return 200, b'{"Attributes": {}}'
        return await serve(self, action, payload)

    monkeypatch.setattr(FakeSqs, "__call__", silent)
    for command in (("dead",), ("queues",), ("redrive", "open_ticket", "--yes"), ("drop", "open_ticket", "--yes")):
        result = ops(*command)
        assert (result.exit_code, "ApproximateNumberOfMessages" in result.output) == (1, True), result.output
