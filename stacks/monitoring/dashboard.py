"""The dashboards of a stage, laid out as the flow: plain data in CloudWatch's format, without `aws_cdk`.

The edge and the bus come first, then integration by integration a lane for each queue, read from left to right: what
comes in and goes out, what waits and how long, how long the work takes, what became of it, what failed.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from stacks import names
from stacks.entry import Integration, Topology
from stacks.monitoring.alarms import alarms
from stacks.monitoring.metrics import Metric, of_api, of_consumer, of_function, of_queue, of_rule
from stacks.settings import Settings

WIDTH = 24
HEIGHT = 5
ALARMS = 100
"""Alarms that one panel takes."""
WIDGETS, METRICS = 500, 2500
"""Widgets that a dashboard takes, and metrics of all of them together.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"""
REGION = "${AWS::Region}"
GREEN, BLUE, ORANGE, RED, GREY, PURPLE = "#2ca02c", "#1f77b4", "#ff7f0e", "#d62728", "#7f7f7f", "#9467bd"

HOW = "The edge and the bus, then each integration; read each lane from left to right."

Widget = dict[str, Any]
Line = tuple[Metric, str, str]
"""A metric, its label and its colour."""
Rows = Sequence[Sequence[Widget]]


def dashboards(topology: Topology, settings: Settings) -> list[dict[str, Any]]:
    """The bodies of the dashboards, none without a queue; a second one has the integrations that the first cannot hold.

    `${AWS::…}` stands where the template puts account and region.
    """
    pages = [_head(topology, settings)] if topology.queues else []
    for integration in topology.integrations if pages else ():
        rows = list(_integration(topology, settings, integration))
        if not _fits([*pages[-1], *rows]):
            pages.append([[_title(f"# {names.PROJECT} {settings.stage}, page {len(pages) + 1}\n{HOW}")]])
        pages[-1] += rows
    return [{"start": "-PT3H", "periodOverride": "inherit", "widgets": _placed(rows)} for rows in pages]


def _fits(rows: Rows) -> bool:
    widgets = [widget for row in rows for widget in row]
    metrics = sum(len(widget["properties"].get("metrics", ())) for widget in widgets)
    return len(widgets) <= WIDGETS and metrics <= METRICS


def _head(topology: Topology, settings: Settings) -> list[Sequence[Widget]]:
    """What is above the integrations."""
    stage = settings.stage
    return [
        [_title(f"# {names.PROJECT} {stage}\n{HOW}")],
        *([panel] for panel in _alarms(topology, settings)),
        *([[_dead(topology, stage)]] if topology.queues else []),
        *([[_title("## Edge: requests become messages")], _edge(stage)] if topology.routes else []),
        *([[_title("## Bus: work becomes events")], _bus(topology, stage)] if topology.events else []),
    ]


def _integration(topology: Topology, settings: Settings, integration: Integration) -> Iterator[Sequence[Widget]]:
    """A title, and a lane for each queue."""
    yield [_title(f"## {integration.name}{' (retired)' if integration.retired else ''}")]
    yield from (_lane(topology, settings, queue.name) for queue in integration.queues)


def _placed(rows: Sequence[Sequence[Widget]]) -> list[Widget]:
    """The widgets of each row side by side and equally wide, the rows below one another."""
    placed: list[Widget] = []
    y = 0
    for row in rows:
        edges = [WIDTH * index // len(row) for index in range(len(row) + 1)]
        height = max(widget["height"] for widget in row)
        for widget, x, end in zip(row, edges, edges[1:], strict=False):
            placed.append({"x": x, "y": y, **widget, "width": end - x, "height": height})
        y += height
    return placed


def _title(text: str) -> Widget:
    return {
        "type": "text",
        "height": 1 + text.count("\n"),
        "properties": {"markdown": text, "background": "transparent"},
    }


def _alarms(topology: Topology, settings: Settings) -> Iterator[Widget]:
    words = [names.resource(settings.stage, alarm.word) for alarm in alarms(topology, settings)]
    arns = [f"arn:${{AWS::Partition}}:cloudwatch:{REGION}:${{AWS::AccountId}}:alarm:{word}" for word in words]
    for start in range(0, len(arns), ALARMS):
        panel = {"title": "Alarms that are on", "alarms": arns[start : start + ALARMS], "states": ["ALARM"]}
        yield {"type": "alarm", "height": 2, "properties": {**panel, "sortBy": "stateUpdatedTimestamp"}}


def _graph(
    title: str, lines: Sequence[Line], *, limit: float | None = None, unit: str = "", stacked: bool = False
) -> Widget:
    metrics = [
        [
            metric.namespace,
            metric.name,
            *(word for dimension in metric.dimensions.items() for word in dimension),
            {"label": label, "color": color, "stat": metric.statistic, "period": metric.period},
        ]
        for metric, label, color in lines
    ]
    properties: dict[str, Any] = {
        "title": title,
        "view": "timeSeries",
        "stacked": stacked,
        "region": REGION,
        "metrics": metrics,
        "yAxis": {"left": {"min": 0, "label": unit, "showUnits": False}},
    }
    if limit is not None:
        properties["annotations"] = {"horizontal": [{"label": "alarm", "value": limit, "color": RED}]}
    return {"type": "metric", "height": HEIGHT, "properties": properties}


def _number(title: str, lines: Iterable[Line]) -> Widget:
    widget = _graph(title, list(lines))
    widget["properties"] |= {"view": "singleValue", "sparkline": True, "setPeriodToTimeRange": False}
    return widget


def _edge(stage: str) -> list[Widget]:
    refused, faults = of_api(stage, "4XXError"), of_api(stage, "5XXError")
    return [
        _graph("Requests", [(of_api(stage, "Count"), "requests", BLUE)], unit="a minute"),
        _graph(
            "Refused and failed", [(refused, "refused (4xx)", ORANGE), (faults, "failed (5xx)", RED)], unit="a minute"
        ),
        _graph(
            "Time to accept",
            [
                (of_api(stage, "Latency", "p99"), "p99", ORANGE),
                (of_api(stage, "Latency", "p50"), "p50", BLUE),
                (of_api(stage, "IntegrationLatency", "p50"), "p50 of SQS", GREY),
            ],
            unit="ms",
        ),
    ]


def _lane(topology: Topology, settings: Settings, word: str) -> list[Widget]:
    stage, entry, consumer = settings.stage, topology.queue(word), topology.consumer(word)
    skips = word in topology.delayed() or any(each.skips for each in topology.schedules if each.queue == word)
    name = names.queue(stage, word, fifo=entry.fifo)
    return [
        _graph(
            f"{word}: in and out",
            [
                (of_queue(name, "NumberOfMessagesSent"), "in", BLUE),
                (of_queue(name, "NumberOfMessagesDeleted"), "done", GREEN),
            ],
            unit="a minute",
        ),
        _graph(
            f"{word}: waiting",
            [
                (of_queue(name, "ApproximateNumberOfMessagesVisible", "Maximum"), "waiting", BLUE),
                (of_queue(name, "ApproximateNumberOfMessagesNotVisible", "Maximum"), "in work", GREY),
            ],
            unit="messages",
            stacked=True,
        ),
        _graph(
            f"{word}: oldest",
            [(of_queue(name, "ApproximateAgeOfOldestMessage", "Maximum"), "age", PURPLE)],
            limit=settings.alarms.oldest if settings.alarms else None,
            unit="s",
        ),
        _graph(
            f"{word}: batch time",
            [
                (of_function(stage, word, "Duration", "p99"), "p99", ORANGE),
                (of_function(stage, word, "Duration", "p50"), "p50", BLUE),
            ],
            limit=800 * consumer.timeout,
            unit="ms",
        ),
        _graph(
            f"{word}: outcome",
            [
                (of_consumer(stage, word, "Processed"), "processed", GREEN),
                (of_consumer(stage, word, "Duplicates"), "duplicates", GREY),
                (of_consumer(stage, word, "Retried"), "retried", ORANGE),
                (of_consumer(stage, word, "Rejected"), "rejected", RED),
                *([(of_consumer(stage, word, "Limited"), "limited", BLUE)] if consumer.limits else []),
                *([(of_consumer(stage, word, "Skipped"), "skipped", PURPLE)] if skips else []),
            ],
            unit="a minute",
        ),
        _number(f"{word}: failed", _failed(topology, stage, word)),
    ]


def _failed(topology: Topology, stage: str, word: str) -> Iterator[Line]:
    dead = names.dead_letter_queue(stage, word, fifo=topology.queue(word).fifo)
    yield of_queue(dead, "ApproximateNumberOfMessagesVisible", "Maximum"), "dead letters", RED
    if word in (*topology.fed_by_events(), *topology.scheduled()):
        undelivered = names.target_dead_letter_queue(stage, word)
        yield of_queue(undelivered, "ApproximateNumberOfMessagesVisible", "Maximum"), "undelivered", ORANGE


def _dead(topology: Topology, stage: str) -> Widget:
    lines = [
        (metric, f"{queue.name} {label}", color)
        for queue in topology.queues
        for metric, label, color in _failed(topology, stage, queue.name)
    ]
    widget = _number("Dead letters and undelivered events", lines)
    widget["height"] = 3
    widget["properties"]["sparkline"] = False
    return widget


def _bus(topology: Topology, stage: str) -> list[Widget]:
    colors = (BLUE, GREEN, PURPLE, ORANGE, GREY)
    events = [
        (
            of_rule(stage, entry, "TriggeredRules"),
            f"{entry.event.__name__} → {entry.queue}",
            colors[index % len(colors)],
        )
        for index, entry in enumerate(topology.subscriptions)
    ]
    publishers = [consumer.function for consumer in topology.consumers if consumer.publishes]
    return [
        _graph("Events to each subscriber", events, unit="a minute"),
        _graph(
            "Deliveries that failed",
            [
                (of_rule(stage, entry, "FailedInvocations"), f"{entry.event.__name__} → {entry.queue}", color)
                for (_, _, color), entry in zip(events, topology.subscriptions, strict=True)
            ],
            unit="a minute",
        ),
        _graph(
            "Publications that failed",
            [
                (of_consumer(stage, word, "PublishFailures"), word, colors[index % len(colors)])
                for index, word in enumerate(publishers)
            ],
            unit="a minute",
        ),
    ]
