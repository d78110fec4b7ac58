"""What AWS tells of its moves is read whole, where each queue is, and for as long as somebody may wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.errors import OpsError, UsageError
from ops.queue import Queue
from ops.redrive import native
from ops.redrive.native import EVERY, PATIENCE, Lost, Move, NoMoves, Task, Unsuitable
from ops.stage import Access, Stage
from tests.ops.redrive.test_native import ARN, DEAD, task

FAR = Queue("far-dlq", "other", "far-dlq", "https://sqs.us-east-1.amazonaws.com/000000000000/far-dlq", "us-east-1")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE_BEFORE = round(NOON.timestamp() - 60) * 1000


class Moves:
    """A stubbed SQS that is asked about the moves from a queue."""

    def __init__(self, sqs: Stubber, dead: Queue) -> None:
        self._sqs = sqs
        self._dead = dead

    def _arn(self) -> str:
        arn = ARN if self._dead is DEAD else "arn:aws:sqs:us-east-1:000000000000:far-dlq"
        asked = {"QueueUrl": self._dead.url, "AttributeNames": ["QueueArn"]}
        self._sqs.add_response("get_queue_attributes", {"Attributes": {"QueueArn": arn}}, asked)
        return arn

    def lists(self, *tasks: dict[str, Any]) -> None:
        asked = {"SourceArn": self._arn(), "MaxResults": 10}
        self._sqs.add_response("list_message_move_tasks", {"Results": list(tasks)} if tasks else {}, asked)

    def lists_nothing(self, code: str = "AccessDenied") -> None:
        self._arn()
        self._sqs.add_client_error("list_message_move_tasks", code, "not you", 403)

    def starts(self, date: str | None = None) -> None:
        self.lists()
        told: dict[str, Any] = {"TaskHandle": "handle"}
        if date is not None:
            told["ResponseMetadata"] = {"HTTPHeaders": {"date": date}}
        self._sqs.add_response("start_message_move_task", told)

    def refuses_to_start(self, code: str) -> None:
        self.lists()
        self._sqs.add_client_error("start_message_move_task", code, "it does not fit", 400)

    def cancels(self, moved: int) -> None:
        told = {"ApproximateNumberOfMessagesMoved": moved}
        self._sqs.add_response("cancel_message_move_task", told, {"TaskHandle": "handle"})

    def does_not_cancel(self) -> None:
        self._sqs.add_client_error("cancel_message_move_task", "AccessDenied", "not you", 403)


@pytest.fixture
def moves(cloud: Stage) -> Iterator[Moves]:
    with Stubber(cloud.client("sqs")) as sqs:
        yield Moves(sqs, DEAD)
        sqs.assert_no_pending_responses()


@pytest.fixture
def far(cloud: Stage) -> Iterator[Moves]:
    with Stubber(cloud.client("sqs")), Stubber(cloud.client("sqs", "us-east-1")) as sqs:
        yield Moves(sqs, FAR)
        sqs.assert_no_pending_responses()


def running(moved: int) -> dict[str, Any]:
    return task("RUNNING", moved, TaskHandle="handle")


def test_a_task_is_told_with_all_that_aws_says_of_it_and_nothing_else(cloud: Stage, moves: Moves) -> None:
    more = {"DestinationArn": "arn:to", "MaxNumberOfMessagesPerSecond": 7, "FailureReason": "so it is"}
    moves.lists({**running(3), **more}, {"Status": "FAILED"})
    assert native.tasks(cloud, DEAD) == [
        Task(
            status="RUNNING",
            moved=3,
            to_move=8,
            started_at="2025-11-21T21:20:00+00:00",
            destination="arn:to",
            rate=7,
            failure="so it is",
            handle="handle",
            started=1_763_760_000_000,
        ),
        Task(status="FAILED", moved=0, to_move=0, started_at="1970-01-01T00:00:00+00:00"),
    ]
    assert Task(status="x", moved=1, to_move=2, started_at="y") == Task(
        status="x",
        moved=1,
        to_move=2,
        started_at="y",
        destination=None,
        rate=None,
        failure=None,
        handle=None,
        started=0,
    )
    moves.lists()
    assert native.tasks(cloud, DEAD) == []


@pytest.mark.parametrize(
    ("status", "runs"), [("RUNNING", True), ("CANCELLING", True), ("COMPLETED", False), ("CANCELLED", False)]
)
def test_a_task_runs_until_it_ended(status: str, runs: bool) -> None:
    assert Task(status=status, moved=0, to_move=0, started_at="").runs is runs


def test_a_queue_of_another_region_is_asked_for_there(cloud: Stage, far: Moves) -> None:
    far.starts()
    assert native.start(cloud, FAR).handle == "handle"
    far.lists(task("COMPLETED", 8), running(2))
    far.cancels(2)
    assert native.cancel(cloud, FAR) == 2


@pytest.mark.parametrize("code", ["InvalidAction", "UnsupportedOperation", "AWS.SimpleQueueService.InvalidAction"])
@pytest.mark.parametrize("emulated", [True, False])
def test_only_an_emulator_has_no_moves(
    cloud: Stage, code: str, emulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = cloud
    if emulated:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
        stage = Stage.elsewhere("1", Access("eu-west-1", None, "http://127.0.0.1:9"), cloud.home)
    with Stubber(stage.client("sqs")) as sqs:
        Moves(sqs, DEAD).lists_nothing(code)
        with pytest.raises(OpsError, match=rf"ListMessageMoveTasks was refused: not you \({code}\)\.$") as refused:
            native.tasks(stage, DEAD)
    assert isinstance(refused.value, NoMoves) is emulated


def test_a_list_that_is_refused_for_another_reason_is_said_as_that(cloud: Stage, moves: Moves) -> None:
    moves.lists_nothing()
    with pytest.raises(OpsError, match=r"not you \(AccessDenied\)") as refused:
        native.tasks(cloud, DEAD)
    assert not isinstance(refused.value, NoMoves)


@pytest.mark.parametrize(
    ("code", "unsuitable"),
    [
        ("InvalidParameterValue", True),
        ("UnsupportedOperation", True),
        ("AWS.SimpleQueueService.UnsupportedOperation", True),
        ("AccessDenied", False),
    ],
)
def test_a_start_that_is_refused_says_why(cloud: Stage, moves: Moves, code: str, unsuitable: bool) -> None:
    moves.refuses_to_start(code)
    with pytest.raises(OpsError, match="it does not fit") as refused:
        native.start(cloud, DEAD)
    assert isinstance(refused.value, Unsuitable) is unsuitable


@pytest.mark.parametrize(
    ("date", "started", "is_it"),
    [
        ("Fri, 20 Nov 2026 12:00:00 GMT", MINUTE_BEFORE, True),
        ("Fri, 20 Nov 2026 12:00:00 GMT", MINUTE_BEFORE - 1, False),
        ("some day", 1, True),
        (None, 1, True),
    ],
)
def test_of_tasks_without_a_handle_it_is_one_that_began_when_it_was_started(
    cloud: Stage, moves: Moves, date: str | None, started: int, is_it: bool
) -> None:
    moves.starts(date)
    move = native.start(cloud, DEAD)
    moves.lists(task("COMPLETED", 5, StartedTimestamp=started))
    if is_it:
        assert move.look().moved == move.moved == 5
        return
    with pytest.raises(OpsError, match="AWS lists no move from open_ticket-dlq that is this one"):
        move.look()
    assert (move.last, move.moved, move.over) == (None, 0, False)


def test_a_task_once_known_is_known_by_its_start_and_never_by_anothers_handle(cloud: Stage, moves: Moves) -> None:
    move = Move(cloud, DEAD, "handle")
    moves.lists(task("RUNNING", 1, TaskHandle="another", StartedTimestamp=9), running(2))
    assert move.look().moved == 2
    moves.lists(task("COMPLETED", 1, StartedTimestamp=9), task("COMPLETED", 3))
    assert move.look().moved == 3


def test_an_answer_that_lags_tells_nothing_new_unless_it_is_the_last(cloud: Stage, moves: Moves) -> None:
    move = Move(cloud, DEAD, "handle")
    seen = []
    for told in (running(5), running(3), {**running(5), "ApproximateNumberOfMessagesToMove": 9}, task("COMPLETED", 4)):
        moves.lists(told)
        move.look()
        assert move.last is not None
        seen.append((move.moved, move.last.to_move, move.over))
    assert seen == [(5, 8, False), (5, 8, False), (5, 9, False), (4, 8, True)]


def test_what_was_cancelled_is_cancelled_once_and_has_moved_what_was_said_at_the_most(
    cloud: Stage, moves: Moves
) -> None:
    for seen, said, moved in ((None, 9, 0), (5, 9, 9), (5, 3, 5)):
        move = Move(cloud, DEAD, "handle")
        if seen is not None:
            moves.lists(running(seen))
            move.look()
        moves.cancels(said)
        move.cancel()
        move.cancel()
        assert move.moved == moved


def test_what_cannot_be_cancelled_because_it_ended_is_no_fault(cloud: Stage, moves: Moves) -> None:
    move = Move(cloud, DEAD, "handle")
    moves.does_not_cancel()
    moves.lists(task("COMPLETED", 7))
    move.cancel()
    assert (move.moved, move.over) == (7, True)
    for listed in (True, False):
        running_one = Move(cloud, DEAD, "handle")
        moves.does_not_cancel()
        moves.lists(running(2)) if listed else moves.lists_nothing()
        with pytest.raises(OpsError, match=r"not you \(AccessDenied\)"):
            running_one.cancel()


def nothing(done: int, of: int) -> None:
    """Shows no progress."""


def test_it_is_asked_again_after_a_pause_for_as_long_as_aws_leaves_it_open(cloud: Stage, moves: Moves) -> None:
    pauses: list[float] = []
    for _ in range(PATIENCE - 1):
        moves.lists_nothing()
    moves.lists(running(2))
    for _ in range(PATIENCE - 1):
        moves.lists_nothing()
    moves.lists(task("COMPLETED", 8))
    assert Move(cloud, DEAD, "handle").follow(nothing, pause=pauses.append).status == "COMPLETED"
    assert pauses == [EVERY] * (2 * PATIENCE - 1)
    assert (PATIENCE, EVERY) == (30, 2.0), "a minute"


@pytest.mark.parametrize("cancelled", [True, False])
def test_what_nobody_can_watch_is_cancelled_and_what_came_of_it_is_said(
    cloud: Stage, moves: Moves, cancelled: bool
) -> None:
    for _ in range(PATIENCE):
        moves.lists_nothing()
    if cancelled:
        moves.cancels(3)
        told = r"It was cancelled, and has ended or will in moments\.$"
    else:
        moves.does_not_cancel()
        moves.lists_nothing()
        told = r"Nor could it be cancelled: CancelMessageMoveTask was refused: not you \(AccessDenied\)\. It goes on by"
    with pytest.raises(Lost, match=rf"^AWS does not say how far its move is: .*\(AccessDenied\)\. {told}"):
        Move(cloud, DEAD, "handle").follow(nothing, pause=lambda _: None)


def test_a_move_that_is_to_stop_is_cancelled_again_and_again_until_it_ends_or_nobody_can(
    cloud: Stage, moves: Moves
) -> None:
    asked: list[int] = []

    def stop(moved: int) -> bool:
        asked.append(moved)
        return moved == 2

    for moved in (1, 2, *[3] * (PATIENCE - 1)):
        moves.lists(running(moved))
        if moved > 1:
            moves.does_not_cancel()
            moves.lists(running(moved))
    with pytest.raises(Lost, match=r"^AWS's move could not be cancelled: .*\(AccessDenied\)\. It goes on by itself"):
        Move(cloud, DEAD, "handle").follow(nothing, stop, lambda _: None)
    assert asked == [1, 2], "whoever said so once is not asked again"


def test_nothing_is_cancelled_where_none_has_a_handle(cloud: Stage, moves: Moves) -> None:
    moves.lists()
    with pytest.raises(UsageError, match=r"^No move from open_ticket-dlq is under way\.$"):
        native.cancel(cloud, DEAD)
