"""How much waits in every queue of a stage, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from ops.queue import Kind, Queue, owner, queues
from ops.stage import Stage, in_words

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


@dataclass(frozen=True)
class Depth:
    """What SQS says of a queue; its counts are approximate for up to a minute after the last change.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
    """

    queue: str
    kind: Kind
    name: str
    waiting: int
    in_flight: int
    delayed: int
    oldest_seconds: int | None
    """Age of the oldest message that waits; None where CloudWatch has no figure for it."""
    integration: str | None = None
    """Whose queue it is."""


def depth(stage: Stage, queue: Queue, age: int | None = None) -> Depth:
    """What waits in one queue. Raises `OpsError` where SQS refuses."""
    with in_words():
        counts = stage.client("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=list(COUNTS))["Attributes"]
    waiting, in_flight, delayed = (int(counts.get(name, 0)) for name in COUNTS)
    whose = owner(stage.topology, queue.word)
    return Depth(
        queue=queue.word,
        kind=queue.kind,
        name=queue.name,
        waiting=waiting,
        in_flight=in_flight,
        delayed=delayed,
        oldest_seconds=age if waiting or in_flight else None,
        integration=whose.name if whose is not None else None,
    )


def depths(stage: Stage) -> list[Depth]:
    """What waits in every queue of the stage, in the order of the flow. Raises `OpsError` where AWS refuses."""
    every = queues(stage)
    ages = _ages(stage, every)
    return [depth(stage, queue, ages.get(queue.name)) for queue in every]


def _ages(stage: Stage, every: list[Queue]) -> dict[str, int]:
    """Seconds that the oldest message has waited, by queue name, where CloudWatch knows it.

    The metric is reported each minute, for active queues only; a DLQ's counts from the move.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    if stage.endpoint is not None:
        return {}  # an emulator measures nothing
    now = datetime.now(UTC)
    asked = [
        {
            "Id": f"q{index}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SQS",
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
                },
                "Period": 60,
                "Stat": "Maximum",
            },
        }
        for index, queue in enumerate(every)
    ]
    try:
        answer = stage.client("cloudwatch").get_metric_data(
            MetricDataQueries=asked, StartTime=now - timedelta(minutes=10), EndTime=now, ScanBy="TimestampDescending"
        )
    except (ClientError, BotoCoreError):
        return {}  # the depths are worth showing to someone who may not read metrics
    return {
        every[int(result["Id"][1:])].name: int(result["Values"][0])
        for result in answer["MetricDataResults"]
        if result.get("Values")
    }
