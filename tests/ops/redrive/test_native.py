"""AWS's own redrive, against answers as AWS gives them.

Parameters and answers are checked by botocore against the service's model; errors have the texts that AWS gave when
the move-task tests of localstack were recorded against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.depth import COUNTS
from ops.errors import OpsError, UsageError
from ops.queue import Queue
from ops.redrive import native, sample
from ops.redrive.native import Move, Task, Unsuitable
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage
from stacks import names

NAME = names.dead_letter_queue("cloud", "open_ticket")
URL = f"https://sqs.eu-west-1.amazonaws.com/000000000000/{NAME}"
ARN = f"arn:aws:sqs:eu-west-1:000000000000:{NAME}"
AT: dict[str, Any] = {"started": 1_763_760_000_000, "started_at": "2025-11-21T21:20:00+00:00"}
DEAD = Queue("open_ticket-dlq", "dead", NAME, URL)


@pytest.fixture
def sqs(cloud: Stage) -> Iterator[Stubber]:
    with Stubber(cloud.client("sqs")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def asks_arn(sqs: Stubber) -> None:
    asked = {"QueueUrl": URL, "AttributeNames": ["QueueArn"]}
    sqs.add_response("get_queue_attributes", {"Attributes": {"QueueArn": ARN}}, asked)


def lists(sqs: Stubber, *tasks: dict[str, Any]) -> None:
    asks_arn(sqs)
    sqs.add_response("list_message_move_tasks", {"Results": list(tasks)}, {"SourceArn": ARN, "MaxResults": 10})


def task(status: str, moved: int, **more: Any) -> dict[str, Any]:
    return {
        "Status": status,
        "SourceArn": ARN,
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": 8,
        "StartedTimestamp": 1_763_760_000_000,
        **more,
    }


def refuses(sqs: Stubber, code: str, message: str) -> None:
    lists(sqs)
    sqs.add_client_error("start_message_move_task", code, message, 400)


def test_a_task_is_started_with_destination_and_rate(cloud: Stage, sqs: Stubber) -> None:
    to = Queue("other", "other", "other", "https://sqs.eu-west-1.amazonaws.com/000000000000/other")
    other = "arn:aws:sqs:eu-west-1:000000000000:other"
    asks_arn(sqs)
    sqs.add_response(
        "get_queue_attributes",
        {"Attributes": {"QueueArn": other}},
        {"QueueUrl": to.url, "AttributeNames": ["QueueArn"]},
    )
    sqs.add_response("list_message_move_tasks", {"Results": []}, {"SourceArn": ARN, "MaxResults": 10})
    asked = {"SourceArn": ARN, "DestinationArn": other, "MaxNumberOfMessagesPerSecond": 50}
    sqs.add_response("start_message_move_task", {"TaskHandle": "handle"}, asked)
    assert native.start(cloud, DEAD, to=to, rate=50).handle == "handle"


def test_a_queue_that_is_no_dlq_of_a_queue_is_unsuitable(cloud: Stage, sqs: Stubber) -> None:
    refuses(sqs, "InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    with pytest.raises(Unsuitable, match="must be configured as a Dead Letter Queue"):
        native.start(cloud, DEAD)


def test_a_second_task_is_refused_with_what_to_do(cloud: Stage, sqs: Stubber) -> None:
    refuses(
        sqs,
        "AWS.SimpleQueueService.UnsupportedOperation",
        "There is already a task running. Only one active task is allowed.",
    )
    with pytest.raises(UsageError, match="under way already: see it with `status`"):
        native.start(cloud, DEAD)


def test_a_destination_that_is_not_there_is_said(cloud: Stage, sqs: Stubber) -> None:
    refuses(
        sqs,
        "ResourceNotFoundException",
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
    )
    with pytest.raises(OpsError, match="doesn't exist"):
        native.start(cloud, DEAD)


def test_progress_is_followed_to_the_end(cloud: Stage, sqs: Stubber) -> None:
    lists(sqs, task("RUNNING", 2, TaskHandle="handle"), task("COMPLETED", 3))
    lists(sqs, task("COMPLETED", 8))
    seen: list[tuple[int, int]] = []
    move = Move(cloud, DEAD, "handle")
    ended = move.follow(lambda done, of: seen.append((done, of)), pause=lambda _: None)
    assert (ended.status, seen) == ("COMPLETED", [(2, 8), (8, 8)])


def test_a_task_of_others_that_ended_before_is_not_taken_for_the_one_that_was_started(
    cloud: Stage, sqs: Stubber
) -> None:
    known, forgotten = task("COMPLETED", 777), task("COMPLETED", 555, StartedTimestamp=1_000)
    answered = datetime(2025, 11, 21, 21, 20, 30, tzinfo=UTC)
    move = Move(cloud, DEAD, "handle", [Task(status="COMPLETED", moved=777, to_move=777, **AT)], answered)
    lists(sqs, known, forgotten)
    lists(sqs, task("COMPLETED", 8, StartedTimestamp=1_763_760_030_000), known, forgotten)
    assert move.follow(lambda done, of: None, pause=lambda _: None).moved == 8


def test_a_running_task_is_cancelled_by_its_handle(cloud: Stage, sqs: Stubber) -> None:
    lists(sqs, task("RUNNING", 2, TaskHandle="handle"))
    sqs.add_response("cancel_message_move_task", {"ApproximateNumberOfMessagesMoved": 2}, {"TaskHandle": "handle"})
    assert native.cancel(cloud, DEAD) == 2


def test_nothing_is_cancelled_where_nothing_runs(cloud: Stage, sqs: Stubber) -> None:
    lists(sqs, task("COMPLETED", 8))
    with pytest.raises(UsageError, match="No move from open_ticket-dlq is under way"):
        native.cancel(cloud, DEAD)


def test_a_plain_redrive_on_aws_is_left_to_aws_and_recorded(
    cloud: Stage, sqs: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sample, "receive", lambda stage, dead, most, workers: []
    )  # botocore's stubber sees its own calls only
    sqs.add_response("get_queue_url", {"QueueUrl": URL})
    counts = dict.fromkeys(COUNTS, "0") | {"ApproximateNumberOfMessages": "8"}
    sqs.add_response("get_queue_attributes", {"Attributes": counts})
    lists(sqs)
    sqs.add_response("start_message_move_task", {"TaskHandle": "handle"}, {"SourceArn": ARN})
    lists(sqs, task("COMPLETED", 8))
    counts = dict.fromkeys(COUNTS, "0") | {"ApproximateNumberOfMessages": "3"}
    sqs.add_response("get_queue_attributes", {"Attributes": counts})
    with Stubber(cloud.client("dynamodb")) as table, Stubber(cloud.client("sts")) as sts:
        sts.add_response("get_caller_identity", {"Arn": "arn:aws:sts::000000000000:assumed-role/operator/ada"})
        for _ in ("lease", "begin", "end", "lease over"):
            table.add_response("put_item", {})
        report = redrive(cloud, Request("open_ticket"), yes=True)
    assert (report.native, report.tally.moved, report.problem) == (True, 8, None)
    assert (report.dead_again, report.mostly_back) == (3, False)
    record = (cloud.files / "audit.jsonl").read_text().splitlines()[-1]
    assert "assumed-role/operator/ada" in record
