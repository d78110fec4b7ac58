"""How much happened in a stage in a minute: from CloudWatch's metrics on AWS, from the log lines of an emulator."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from functions.contracts.log_line import Handled
from ops.observe.logs import Answered, recent
from ops.observe.request_path import DONE
from ops.stage import Stage, in_words
from stacks.monitoring import metrics
from stacks.monitoring.metrics import MINUTE, Metric

MOST = 500
"""Metrics that a GetMetricData takes.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""
LATE = timedelta(minutes=4)
"""How far back a metric's last full minute may lie: metrics arrive a minute or two late."""


class Rates(Struct, frozen=True, kw_only=True):
    """Counts of one minute, by the name of a route, a function or a subscription.

    `measured` says whether AWS measured them: then they are of the last full minute that it has figures of. `oldest` is
    how many seconds the oldest message of a queue has waited, by its physical name; nobody measures it in an emulator.
    """

    measured: bool
    requests: dict[str, int] = {}
    refused: dict[str, int] = {}
    faults: dict[str, int] = {}
    done: dict[str, int] = {}
    failed: dict[str, int] = {}
    delivered: dict[str, int] = {}
    oldest: dict[str, int] = {}


def rates(stage: Stage, queues: list[str]) -> Rates:
    """The rates of a stage; `queues` are the physical names whose ages are wanted. Raises `OpsError`."""
    return _told(stage) if stage.endpoint is not None else _measured(stage, queues)


def _measured(stage: Stage, queues: list[str]) -> Rates:
    wanted = list(_wanted(stage, queues))
    found: dict[str, Counter[str]] = {kind: Counter() for kind, _, _ in wanted}
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    for start in range(0, len(wanted), MOST):
        part = wanted[start : start + MOST]
        queries = [_query(index, metric) for index, (_, _, metric) in enumerate(part)]
        with in_words():
            answer = stage.client("cloudwatch").get_metric_data(
                MetricDataQueries=queries, StartTime=end - LATE, EndTime=end, ScanBy="TimestampDescending"
            )
        for result in answer["MetricDataResults"]:
            kind, name, _ = part[int(result["Id"][1:])]
            if result["Values"]:
                found[kind][name] += int(result["Values"][0])
    return Rates(measured=True, **{kind: dict(counts) for kind, counts in found.items()})


def _wanted(stage: Stage, queues: list[str]) -> Iterator[tuple[str, str, Metric]]:
    """Every metric, with the kind of count and the name that it counts for."""
    name, topology = stage.name, stage.topology
    for route in topology.routes:
        for kind, metric in (("requests", "Count"), ("refused", "4XXError"), ("faults", "5XXError")):
            whole = metrics.of_api(name, metric)
            place = {"Method": route.method, "Resource": route.path}
            yield kind, route.name, replace(whole, dimensions={**whole.dimensions, **place})
    for consumer in topology.consumers:
        for kind, metric in (("done", "Processed"), ("failed", "Retried"), ("failed", "Rejected")):
            yield kind, consumer.function, metrics.of_consumer(name, consumer.function, metric)
    for subscription in topology.subscriptions:
        yield "delivered", subscription.name, metrics.of_rule(name, subscription, "Invocations")
    for queue in queues:
        yield "oldest", queue, metrics.of_queue(queue, "ApproximateAgeOfOldestMessage", "Maximum")


def _query(index: int, metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    of = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
    return {"Id": f"m{index}", "MetricStat": {"Metric": of, "Period": metric.period, "Stat": metric.statistic}}


def _told(stage: Stage) -> Rates:
    """The same counts from the lines of the last minute."""
    requests, refused, faults = Counter[str](), Counter[str](), Counter[str]()
    done, failed, published = Counter[str](), Counter[str](), Counter[str]()
    for line in recent(stage, time.time() - MINUTE):
        if isinstance(line, Handled):
            (done if line.outcome in DONE else failed)[line.service] += 1
            published.update(event.type for event in line.published)
        elif isinstance(line, Answered):
            name = f"{line.method} {line.route}"
            requests[name] += 1
            refused[name] += line.status.startswith("4")
            faults[name] += line.status.startswith("5")
    return Rates(
        measured=False,
        requests=requests,
        refused=refused,
        faults=faults,
        done=done,
        failed=failed,
        delivered={
            each.name: published[each.event.__name__] for each in stage.topology.subscriptions if not each.filter
        },
    )
