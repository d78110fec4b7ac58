"""SQS's own move tasks in memory, as AWS documents and answered them: new ids, new times, until nothing is left.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ops.sqs.message import Entry
from tests.aws.queues import FakeQueue, FakeSqs

MOST = 20_000
"""Messages after which a task is over, as on AWS after 36 hours."""


class MoveTasks:
    """The tasks of every queue, the latest first. Each question how far one is lets it move `step` messages more.

    `meanwhile` is what others do between two steps.
    """

    actions = ("startmessagemovetask", "listmessagemovetasks", "cancelmessagemovetask")

    def __init__(self, sqs: FakeSqs, step: int = 10, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._sqs = sqs
        self._step = step
        self._meanwhile = meanwhile
        self.tasks: list[dict[str, Any]] = []

    def __call__(self, action: str, request: dict[str, Any]) -> tuple[int, bytes]:
        """Carries out one request."""
        if action == "startmessagemovetask":
            return self._start(request)
        if action == "cancelmessagemovetask":
            task = next(task for task in self.tasks if task.get("TaskHandle") == request["TaskHandle"])
            self._end(task, "CANCELLED")
            moved = task["ApproximateNumberOfMessagesMoved"]
            return 200, json.dumps({"ApproximateNumberOfMessagesMoved": moved}).encode()
        found = [task for task in self.tasks if task["SourceArn"] == request["SourceArn"]]
        for task in found:
            if task["Status"] == "RUNNING":
                self._move(task)
        return 200, json.dumps({"Results": found}).encode()

    def _start(self, request: dict[str, Any]) -> tuple[int, bytes]:
        source = self._by_arn(request["SourceArn"])
        if not any(queue.dead is source for queue in self._sqs.queues.values()):
            return _refusal("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        if any(task["SourceArn"] == source.arn and task["Status"] == "RUNNING" for task in self.tasks):
            return _refusal(
                "AWS.SimpleQueueService.UnsupportedOperation",
                "There is already a task running. Only one active task is allowed for a source queue arn at a time.",
            )
        handle = f"handle-{len(self.tasks)}"
        started = 1_763_760_000_000 + len(self.tasks)
        told = {"Status": "RUNNING", "TaskHandle": handle, "StartedTimestamp": started, **request}
        told |= {"ApproximateNumberOfMessagesMoved": 0, "ApproximateNumberOfMessagesToMove": len(source)}
        self.tasks.insert(0, told)
        return 200, json.dumps({"TaskHandle": handle}).encode()

    def _move(self, task: dict[str, Any]) -> None:
        source = self._by_arn(task["SourceArn"])
        for _ in range(self._step):
            taken = source.take(1, 30)
            if not taken or task["ApproximateNumberOfMessagesMoved"] >= MOST:
                self._end(task, "COMPLETED")
                break
            (message,) = taken
            to = self._by_arn(task.get("DestinationArn") or message.source or "")
            to.put(Entry("1", message.body, message.attributes, {}, message.group, message.deduplication))
            source.remove(message.receipt)
            task["ApproximateNumberOfMessagesMoved"] += 1
        self._meanwhile()

    def _end(self, task: dict[str, Any], how: str) -> None:
        task["Status"] = how
        task.pop("TaskHandle", None)

    def _by_arn(self, arn: str) -> FakeQueue:
        return next(queue for queue in self._sqs.queues.values() if queue.arn == arn)


def _refusal(code: str, message: str) -> tuple[int, bytes]:
    return 400, json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}).encode()
