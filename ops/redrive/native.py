"""AWS's own redrive, StartMessageMoveTask: started, watched, listed and cancelled.

It moves everything from a dead-letter queue of an SQS queue, at most 500 a second where a rate is set, for 36 hours at
the most, one task a queue. It takes no filter, and no emulator has it.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from ops.answer import part
from ops.errors import OpsError, UsageError
from ops.queue import Queue
from ops.stage import Stage, in_words

CAP = 500
"""Messages a second at the most, where a rate is set."""
EVERY = 2.0
"""Seconds between two questions how far a task is."""
RUNNING = ("RUNNING", "CANCELLING")
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


def arn(stage: Stage, queue: Queue) -> str:
    """The queue's ARN."""
    with in_words():
        answer = stage.client("sqs", queue.region).get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])
    return str(part(answer, "Attributes", "QueueArn"))


def start(stage: Stage, dead: Queue, *, to: Queue | None = None, rate: int | None = None) -> str:
    """Starts a task and answers its handle.

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
            return str(stage.client("sqs", dead.region).start_message_move_task(**asked)["TaskHandle"])
        except ClientError as error:
            fault = error.response["Error"]
            if "already a task running" in fault["Message"]:
                raise UsageError(
                    f"A move from {dead.word} is under way already: see it with `status`, end it with `cancel`."
                ) from None
            if fault["Code"] in UNSUITABLE:
                raise Unsuitable(f"AWS does not move from {dead.word} by itself: {fault['Message']}") from None
            raise


class NoMoves(OpsError):
    """The emulator has no redrive of its own."""


def tasks(stage: Stage, dead: Queue) -> list[Task]:
    """The tasks of that queue that AWS remembers, the latest first, ten at the most.

    Raises `NoMoves` where an emulator has no such thing, `OpsError` where AWS refuses.
    """
    with in_words():
        try:
            answer = stage.client("sqs", dead.region).list_message_move_tasks(SourceArn=arn(stage, dead), MaxResults=10)
        except ClientError as error:
            fault = error.response["Error"]
            if stage.endpoint is None or fault["Code"].rsplit(".", 1)[-1] not in MISSING:
                raise
            raise NoMoves(f"ListMessageMoveTasks was refused: {fault['Message']} ({fault['Code']}).") from None
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
        )
        for found in answer.get("Results", [])
    ]


def cancel(stage: Stage, dead: Queue) -> int:
    """Stops the task of that queue; what was moved stays moved. Answers how many that were, approximately.

    Raises `UsageError` where none runs, `OpsError` where AWS refuses.
    """
    running = next((task for task in tasks(stage, dead) if task.handle is not None), None)
    if running is None:
        raise UsageError(f"No move from {dead.word} is under way.")
    with in_words():
        answer = stage.client("sqs", dead.region).cancel_message_move_task(TaskHandle=running.handle)
    return int(answer["ApproximateNumberOfMessagesMoved"])


def follow(
    stage: Stage,
    dead: Queue,
    progress: Callable[[int, int], None],
    stop: Callable[[Task], bool] = lambda _: False,
    every: float | None = None,
) -> Task:
    """Watches the latest task until it ends, and cancels it when `stop` says so.

    Raises `OpsError` where it failed, naming the reason.
    """
    stopping = False
    while True:
        latest = next(iter(tasks(stage, dead)), None)
        if latest is None:
            raise OpsError(f"AWS knows of no move from {dead.word}.")
        progress(latest.moved, latest.to_move)
        if latest.status not in RUNNING:
            break
        if not stopping and stop(latest):
            stopping = True
            with suppress(UsageError):  # it ended just now
                cancel(stage, dead)
            continue
        time.sleep(EVERY if every is None else every)
    if latest.status == "FAILED":
        raise OpsError(
            f"AWS's move failed after {latest.moved:,} messages: {latest.failure}. The others are where they were."
        )
    return latest
