"""AWS's own redrive, StartMessageMoveTask: started, watched, listed and cancelled.

It moves everything from a dead-letter queue of an SQS queue, at most 500 a second where a rate is set, for 36 hours at
the most, one task a queue. It takes no filter, and no emulator has it.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct
from msgspec.structs import replace

from ops.answer import part
from ops.errors import OpsError, UsageError
from ops.queue import Queue
from ops.stage import Stage, in_words

CAP = 500
"""Messages a second at the most, where a rate is set."""
EVERY = 2.0
"""Seconds between two questions how far a task is."""
PATIENCE = 30
"""Questions in a row that AWS leaves open, or requests to cancel that it refuses, before they are given up."""
SPARE = timedelta(minutes=1)
"""By how much a task may seem older than the answer that it was started."""
RUNNING = ("RUNNING", "CANCELLING")
GOES_ON = "It goes on by itself: see it with `status`, end it with `cancel`."
MISSING = ("InvalidAction", "UnsupportedOperation")
"""How an emulator says that it does not know the call."""
UNSUITABLE = ("InvalidParameterValue", "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")


class Unsuitable(UsageError):
    """AWS does not move the messages of this queue by itself."""


class Task(Struct, frozen=True, kw_only=True):
    """A move task. Its counts are approximate; a handle exists only while it runs."""

    status: str
    moved: int
    to_move: int
    started_at: str
    destination: str | None = None
    rate: int | None = None
    failure: str | None = None
    handle: str | None = None
    started: int = 0
    """When it started, in milliseconds since 1970."""

    @property
    def runs(self) -> bool:
        """Whether it is under way."""
        return self.status in RUNNING


def arn(stage: Stage, queue: Queue) -> str:
    """The queue's ARN."""
    with in_words():
        answer = stage.client("sqs", queue.region).get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])
    return str(part(answer, "Attributes", "QueueArn"))


def start(stage: Stage, dead: Queue, *, to: Queue | None = None, rate: int | None = None) -> Move:
    """Starts a task.

    Raises `Unsuitable` where AWS does not move from that queue, `UsageError` where a task runs already, `OpsError`
    where AWS refuses otherwise.
    """
    asked: dict[str, Any] = {"SourceArn": arn(stage, dead)}
    if to is not None:
        asked["DestinationArn"] = arn(stage, to)
    if rate is not None:
        asked["MaxNumberOfMessagesPerSecond"] = rate
    with in_words():
        try:
            earlier = _listed(stage, dead, asked["SourceArn"])
            answer = stage.client("sqs", dead.region).start_message_move_task(**asked)
        except ClientError as error:
            fault = error.response["Error"]
            if "already a task running" in fault["Message"]:
                raise UsageError(
                    f"A move from {dead.word} is under way already: see it with `status`, end it with `cancel`."
                ) from None
            if fault["Code"] in UNSUITABLE:
                raise Unsuitable(f"AWS does not move from {dead.word} by itself: {fault['Message']}") from None
            raise
    return Move(stage, dead, str(part(answer, "TaskHandle")), earlier, _date(answer))


class NoMoves(OpsError):
    """The emulator has no redrive of its own."""


def tasks(stage: Stage, dead: Queue) -> list[Task]:
    """The tasks of that queue that AWS remembers, the latest first, ten at the most.

    Raises `NoMoves` where an emulator has no such thing, `OpsError` where AWS refuses.
    """
    with in_words():
        try:
            return _listed(stage, dead, arn(stage, dead))
        except ClientError as error:
            fault = error.response["Error"]
            if stage.endpoint is None or fault["Code"].rsplit(".", 1)[-1] not in MISSING:
                raise
            raise NoMoves(f"ListMessageMoveTasks was refused: {fault['Message']} ({fault['Code']}).") from None


def _listed(stage: Stage, dead: Queue, source: str) -> list[Task]:
    answer = stage.client("sqs", dead.region).list_message_move_tasks(SourceArn=source, MaxResults=10)
    return [
        Task(
            status=found["Status"],
            moved=found.get("ApproximateNumberOfMessagesMoved", 0),
            to_move=found.get("ApproximateNumberOfMessagesToMove", 0),
            started_at=datetime.fromtimestamp(found.get("StartedTimestamp", 0) / 1000, UTC).isoformat(
                timespec="seconds"
            ),
            destination=found.get("DestinationArn"),
            rate=found.get("MaxNumberOfMessagesPerSecond"),
            failure=found.get("FailureReason"),
            handle=found.get("TaskHandle"),
            started=found.get("StartedTimestamp", 0),
        )
        for found in answer.get("Results", [])
    ]


def _date(answer: dict[str, Any]) -> datetime | None:
    """When SQS answered, by its own clock, if it said so."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return None


def cancel(stage: Stage, dead: Queue) -> int:
    """Stops the task of that queue; what was moved stays moved. Answers how many that were, approximately.

    Raises `UsageError` where none runs, `OpsError` where AWS refuses.
    """
    running = next((task for task in tasks(stage, dead) if task.handle is not None), None)
    if running is None:
        raise UsageError(f"No move from {dead.word} is under way.")
    return _cancelled(stage, dead, str(running.handle))


def _cancelled(stage: Stage, dead: Queue, handle: str) -> int:
    with in_words():
        answer = stage.client("sqs", dead.region).cancel_message_move_task(TaskHandle=handle)
        return int(part(answer, "ApproximateNumberOfMessagesMoved"))


class Lost(OpsError):
    """How far a task is, or whether it will end, is not known any more."""


class Move:
    """A task that was started here, and what was seen of it last.

    AWS lists it with its handle while it runs. Afterwards, or where the list lags, it is the one that was not there
    before: others ended earlier, and there is one at a time.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html
    """

    def __init__(
        self, stage: Stage, dead: Queue, handle: str, earlier: Sequence[Task] = (), answered: datetime | None = None
    ) -> None:
        self._stage = stage
        self._dead = dead
        self.handle = handle
        self._earlier = {task.started for task in earlier}
        self._not_before = (answered - SPARE).timestamp() * 1000 if answered is not None else 0.0
        self._started: int | None = None
        self.last: Task | None = None
        """What AWS said last of it; None before it said anything."""
        self._cancelled = False
        self._refusals = 0

    @property
    def moved(self) -> int:
        """Messages that it moved, as far as anybody said."""
        return self.last.moved if self.last is not None else 0

    @property
    def over(self) -> bool:
        """Whether it was seen to have ended."""
        return self.last is not None and not self.last.runs

    def look(self) -> Task:
        """How far it is. Raises `OpsError` where AWS does not say."""
        found = next(filter(self._is_it, tasks(self._stage, self._dead)), None)
        if found is None:
            raise OpsError(f"AWS lists no move from {self._dead.word} that is this one.")
        self._started = found.started
        if self.last is None or found.moved >= self.last.moved or not found.runs:
            self.last = found  # an answer that lags tells nothing new
        return found

    def cancel(self) -> None:
        """Asks AWS to stop it. Raises `OpsError` where AWS refuses, unless it has ended."""
        if self._cancelled:
            return
        try:
            moved = _cancelled(self._stage, self._dead, self.handle)
        except OpsError:
            with suppress(OpsError):
                self.look()
            if self.over:
                return
            raise
        self._cancelled = True
        if self.last is not None:
            self.last = replace(self.last, moved=max(moved, self.last.moved))

    def follow(
        self,
        progress: Callable[[int, int], None],
        stop: Callable[[int], bool] = lambda _: False,
        pause: Callable[[float], object] = time.sleep,
    ) -> Task:
        """Watches it until it ends, and cancels it when `stop` says so of how many it moved.

        What AWS leaves open is asked again.

        Raises `Lost` where AWS does not say how far it is, after it tried to cancel it, or does not let it be
        cancelled: whether it goes on is in the sentence.
        """
        open_ = 0
        stopping = False
        while True:
            try:
                latest = self.look()
                open_ = 0
            except OpsError as error:
                open_ += 1
                if open_ >= PATIENCE:
                    raise Lost(f"AWS does not say how far its move is: {error} {self._ended()}") from None
            else:
                progress(latest.moved, latest.to_move)
                if not latest.runs:
                    return latest
            stopping = stopping or stop(self.moved)
            if stopping:
                self._try_cancel()
            pause(EVERY)

    def _try_cancel(self) -> None:
        try:
            self.cancel()
        except OpsError as error:
            self._refusals += 1
            if self._refusals >= PATIENCE:
                raise Lost(f"AWS's move could not be cancelled: {error} {GOES_ON}") from None

    def _ended(self) -> str:
        """Tries to cancel what nobody can watch, and says what came of it."""
        try:
            self.cancel()
        except OpsError as error:
            return f"Nor could it be cancelled: {error} {GOES_ON}"
        return "It was cancelled, and has ended or will in moments."

    def _is_it(self, task: Task) -> bool:
        if task.handle is not None:
            return task.handle == self.handle
        if self._started is not None:
            return task.started == self._started
        return task.started not in self._earlier and task.started >= self._not_before
