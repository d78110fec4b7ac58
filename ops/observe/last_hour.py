"""How many messages waited in each queue during the last hour, as CloudWatch measured it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.depth import MOST
from ops.stage import Stage

HOUR = 3600.0
PERIOD = 300
"""Seconds of a point; a line as wide as a word shows no more of them.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""


def last_hour(stage: Stage, queues: list[str], now: float) -> dict[str, list[tuple[float, float]]]:
    """By the physical names of queues epoch seconds and messages that waited, the oldest first.

    `now` is in epoch seconds. Nothing where an emulator measures nothing, or somebody may not read metrics: the counts
    of now are worth showing all the same.
    """
    if stage.endpoint is not None:
        return {}
    found: dict[str, list[tuple[float, float]]] = {}
    start, end = (datetime.fromtimestamp(moment, UTC) for moment in (now - HOUR, now))
    try:
        for first in range(0, len(queues), MOST):
            some = queues[first : first + MOST]
            answer = stage.client("cloudwatch").get_metric_data(
                MetricDataQueries=[_query(index, name) for index, name in enumerate(some)],
                StartTime=start,
                EndTime=end,
                ScanBy="TimestampAscending",
            )
            for result in answer["MetricDataResults"]:
                moments = [each.timestamp() for each in result.get("Timestamps", ())]
                found[some[int(result["Id"][1:])]] = list(zip(moments, result.get("Values", ()), strict=True))
    except (ClientError, BotoCoreError):
        return found
    return found


def _query(index: int, name: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": name}],
    }
    return {"Id": f"q{index}", "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": "Maximum"}}
