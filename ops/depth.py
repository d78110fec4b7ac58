"""How much waits in every queue of a stage, for how long, and whether anybody takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.answer import part
from ops.pool import Pool
from ops.queue import Kind, Queue, lane, owner, queues
from ops.stage import Stage, in_words
from stacks import names

ENABLED = "Enabled"
"""The state of an event source mapping that takes messages."""
MOST = 500
"""Metrics that a GetMetricData takes.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""
FEW = 3
"""Calls to Lambda at once, whose control plane answers 15 a second.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
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
    lane: str | None = None
    """Which lane of several it is: `high`, `normal` or `low`."""
    consumer: str | None = None
    """The state of the event source mapping that takes a work queue's messages, such as `Enabled`, `Disabling` or
    `Disabled`; None for any other queue, and where it is not known."""

    @property
    def is_off(self) -> bool:
        """Whether its consumer takes nothing: it is paused while a service is away, or a person disabled it."""
        return self.consumer not in (None, ENABLED)


def depth(stage: Stage, queue: Queue, age: int | None = None) -> Depth:
    """What waits in one queue. Raises `OpsError` where SQS refuses, or does not say."""
    with in_words():
        answer = stage.client("sqs", queue.region).get_queue_attributes(QueueUrl=queue.url, AttributeNames=list(COUNTS))
    counts = part(answer, "Attributes")
    waiting, in_flight, delayed = (int(part(counts, name)) for name in COUNTS)
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
        lane=lane(stage.topology, queue.word),
    )


def depths(stage: Stage) -> list[Depth]:
    """What waits in every queue of the stage, in the order of the flow. Raises `OpsError` where AWS refuses."""
    every = queues(stage)
    ages, states = _ages(stage, every), consumer_states(stage, every)
    found = (depth(stage, queue, ages.get(queue.name)) for queue in every)
    return [replace(each, consumer=states.get(each.name)) for each in found]


def consumer_states(stage: Stage, every: list[Queue]) -> dict[str, str]:
    """The state of the mapping that takes each work queue, by the queue's name, where Lambda tells it.

    https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
    """

    def asked(queue: Queue) -> list[Any]:
        name = names.resource(stage.name, queue.word)
        answer = stage.client("lambda").list_event_source_mappings(FunctionName=name)
        return list(answer.get("EventSourceMappings", ()))

    try:
        with Pool(FEW) as pool:
            found = [*pool.map(asked, [queue for queue in every if queue.kind == "work"])]
    except (ClientError, BotoCoreError):
        return {}  # the depths are worth showing to someone who may not ask Lambda
    return {one["EventSourceArn"].rpartition(":")[2]: one["State"] for each in found for one in each}


def age_queries(queues: list[str]) -> list[dict[str, Any]]:
    """What CloudWatch is asked for the age of the oldest message of each queue; its ids are `q` and the position.

    The metric is reported each minute, for active queues only; a DLQ's counts from the move.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    return [
        {
            "Id": f"q{index}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SQS",
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": [{"Name": "QueueName", "Value": name}],
                },
                "Period": 60,
                "Stat": "Maximum",
            },
        }
        for index, name in enumerate(queues)
    ]


def _ages(stage: Stage, every: list[Queue]) -> dict[str, int]:
    """Seconds that the oldest message has waited, by queue name, where CloudWatch knows it."""
    if stage.endpoint is not None:
        return {}  # an emulator measures nothing
    now = datetime.now(UTC)
    asked = age_queries([queue.name for queue in every])
    results: list[Any] = []
    try:
        for start in range(0, len(asked), MOST):
            part = asked[start : start + MOST]
            results += stage.client("cloudwatch").get_metric_data(
                MetricDataQueries=part, StartTime=now - timedelta(minutes=10), EndTime=now, ScanBy="TimestampDescending"
            )["MetricDataResults"]
    except (ClientError, BotoCoreError):
        return {}  # the depths are worth showing to someone who may not read metrics
    return {every[int(result["Id"][1:])].name: int(result["Values"][0]) for result in results if result.get("Values")}
