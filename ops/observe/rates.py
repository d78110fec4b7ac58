"""How much happened in a stage in a minute: from CloudWatch's metrics on AWS, from the log lines of an emulator."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from functions.contracts.log_line import Handled
from ops.observe.attempt import DONE, LIMITED, SKIPPED
from ops.observe.logs import Answered, TooSlow, latest, recent
from ops.stage import Stage, in_words
from stacks.limits import attempts
from stacks.monitoring import metrics
from stacks.monitoring.metrics import MINUTE, Metric

MOST = 500
"""Metrics that a GetMetricData takes.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""
LATE = timedelta(minutes=4)
"""How far back a metric's last full minute may lie: metrics arrive a minute or two late."""
PATIENCE = 10.0
"""Seconds for which the logs are asked for minutes that are over."""
NO_ATTEMPT = (LIMITED, SKIPPED)
"""Outcomes of messages that nobody attempted."""

Minutes = dict[str, dict[int, tuple[int, int]]]
"""What consumers did, by function: for each minute, in epoch minutes, how many were done and how many failed."""


class Rates(Struct, frozen=True, kw_only=True):
    """Counts of one minute, by the name of a route, a function or a subscription.

    `measured` says whether AWS measured them: then they are of the last full minute that it has figures of. `oldest` is
    how many seconds the oldest message of a queue has waited, by its physical name; nobody measures it in an emulator.
    `limited` counts messages that left to wait for a limit, `undelivered` events that EventBridge gave up to deliver,
    which an emulator does not tell. `published` counts events by their publisher and name, and `died` messages that had
    their last attempt, both as log lines tell them: CloudWatch has no figure of either. What SQS itself moves to a
    dead-letter queue is not among the messages sent there that it counts.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """

    measured: bool
    requests: dict[str, int] = {}
    refused: dict[str, int] = {}
    faults: dict[str, int] = {}
    done: dict[str, int] = {}
    failed: dict[str, int] = {}
    delivered: dict[str, int] = {}
    oldest: dict[str, int] = {}
    limited: dict[str, int] = {}
    undelivered: dict[str, int] = {}
    published: dict[str, dict[str, int]] = {}
    died: dict[str, int] = {}


@dataclass(frozen=True)
class Counted:
    """The rates, and what consumers did in the minutes that were asked for; `since` is when these begin, as known."""

    rates: Rates
    minutes: Minutes
    since: float = 0.0


def rates(stage: Stage, queues: list[str]) -> Rates:
    """The rates of a stage; `queues` are the physical names whose ages are wanted. Raises `OpsError`."""
    return counted(stage, queues, None).rates


def counted(stage: Stage, queues: list[str], since: float | None) -> Counted:
    """The rates of a stage and, from `since` on (epoch seconds), what its consumers did each minute.

    On AWS both are one question, and cost as much as the rates alone. Raises `OpsError`.
    """
    since = None if since is None else since // MINUTE * MINUTE  # a minute that is asked for is asked for whole
    if stage.endpoint is None:
        return _measured(stage, queues, since)
    told = _told(stage)
    if since is None:
        return Counted(told, {})
    try:
        lines, whole = latest(stage, since, patience=PATIENCE)
    except TooSlow:
        return Counted(told, {}, time.time())
    known = since if whole or not lines else lines[-1].at / 1000 + MINUTE  # the minute that is cut off is left out
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for line in lines:
        minute = line.at // (1000 * MINUTE)
        if line.outcome in NO_ATTEMPT or minute < known // MINUTE:
            continue
        done, failed = found.setdefault(line.service, {}).get(minute, (0, 0))
        ended = line.outcome in DONE
        found[line.service][minute] = (done + ended, failed + (not ended))
    return Counted(told, found, known)


def _measured(stage: Stage, queues: list[str], since: float | None) -> Counted:
    wanted = list(_wanted(stage, queues))
    found: dict[str, Counter[str]] = {kind: Counter() for kind, _, _ in wanted}
    minutes: dict[str, dict[int, tuple[int, int]]] = {}
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    begin = end - LATE if since is None else min(end - LATE, datetime.fromtimestamp(since, UTC))
    for start in range(0, len(wanted), MOST):
        part = wanted[start : start + MOST]
        queries = [_query(index, metric) for index, (_, _, metric) in enumerate(part)]
        with in_words():
            answer = stage.client("cloudwatch").get_metric_data(
                MetricDataQueries=queries, StartTime=begin, EndTime=end, ScanBy="TimestampDescending"
            )
        for result in answer["MetricDataResults"]:
            kind, name, _ = part[int(result["Id"][1:])]
            points = list(zip(result.get("Timestamps", ()), result["Values"], strict=True))
            if points and points[0][0] >= end - LATE:
                found[kind][name] += int(points[0][1])
            for at, value in points if since is not None and kind in ("done", "failed") else ():
                minute, count = int(at.timestamp()) // MINUTE, int(value)
                done, failed = minutes.setdefault(name, {}).get(minute, (0, 0))
                both = (done + count, failed) if kind == "done" else (done, failed + count)
                minutes[name][minute] = both
    kinds: dict[str, Any] = {kind: dict(counts) for kind, counts in found.items()}
    return Counted(Rates(measured=True, **kinds), minutes, since or 0)


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
        if consumer.limits:
            yield "limited", consumer.function, metrics.of_consumer(name, consumer.function, "Limited")
    for subscription in topology.subscriptions:
        yield "delivered", subscription.name, metrics.of_rule(name, subscription, "Invocations")
        yield "undelivered", subscription.queue, metrics.of_rule(name, subscription, "InvocationsSentToDlq")
    for queue in queues:
        yield "oldest", queue, metrics.of_queue(queue, "ApproximateAgeOfOldestMessage", "Maximum")


def _query(index: int, metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    of = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
    return {"Id": f"m{index}", "MetricStat": {"Metric": of, "Period": metric.period, "Stat": metric.statistic}}


def _told(stage: Stage) -> Rates:
    """The same counts from the lines of the last minute."""
    requests, refused, faults = Counter[str](), Counter[str](), Counter[str]()
    done, failed, limited = Counter[str](), Counter[str](), Counter[str]()
    published: dict[str, Counter[str]] = {}
    dead: dict[str, set[str]] = {}
    last = {each.function: attempts(stage.topology.queue(each.function), each) for each in stage.topology.consumers}
    for line in recent(stage, time.time() - MINUTE):
        if isinstance(line, Handled):
            limited[line.service] += line.outcome == LIMITED
            if line.outcome not in NO_ATTEMPT:
                (done if line.outcome in DONE else failed)[line.service] += 1
                if line.outcome not in DONE and line.attempt >= last.get(line.service, line.attempt + 1):
                    dead.setdefault(line.service, set()).add(line.message_id)
            published.setdefault(line.service, Counter()).update(event.type for event in line.published)
        elif isinstance(line, Answered):
            name = f"{line.method} {line.route}"
            requests[name] += 1
            refused[name] += line.status.startswith("4")
            faults[name] += line.status.startswith("5")
    told = sum(published.values(), Counter[str]())
    return Rates(
        measured=False,
        requests=requests,
        refused=refused,
        faults=faults,
        done=done,
        failed=failed,
        delivered={each.name: told[each.event.__name__] for each in stage.topology.subscriptions if not each.filter},
        limited=+limited,
        published={name: dict(counts) for name, counts in published.items() if counts},
        died={name: len(ids) for name, ids in dead.items()},
    )
