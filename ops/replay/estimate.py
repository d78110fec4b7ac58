"""About how many events a replay brings: an archive has a count of all that it keeps, and of no part of it.

CloudWatch counts, by rule and minute, what a rule sent on. A rule that is newer than the events counts none of them, so
the other rules for the same event are asked too: one with the same filter tells as much, one without a filter tells how
many there are at the most. An emulator has no such metrics; there the lines of those who published are counted.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from functions.contracts.log_line import Handled
from ops.errors import OpsError
from ops.observe.logs import recent
from ops.replay.period import Period
from ops.stage import Stage, in_words
from stacks.entry import Subscription
from stacks.monitoring import metrics

POINTS = 1_440
"""Figures of a metric that are read, at the most: coarser ones cover a longer period."""
COARSENESS = (
    (timedelta(minutes=1), timedelta(days=15)),
    (timedelta(minutes=5), timedelta(days=63)),
    (timedelta(hours=1), timedelta(days=455)),
)
"""Sizes of a figure, and for how long CloudWatch keeps it.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""


class Estimate(Struct, frozen=True, kw_only=True):
    """How many events there are, about, and up to about how many; None where nobody knows. `basis` says who counted."""

    about: int | None = None
    most: int | None = None
    basis: str


def estimate(stage: Stage, meant: Iterable[Subscription], period: Period, now: datetime) -> Estimate:
    """About how many events of these subscriptions happened in that period. Where AWS refuses, `basis` says why."""
    try:
        if stage.endpoint is not None:
            return _told(stage, list(meant), period)
        return _measured(stage, list(meant), period, now)
    except OpsError as error:
        return Estimate(basis=f"could not be counted: {error}")


def _measured(stage: Stage, meant: list[Subscription], period: Period, now: datetime) -> Estimate:
    alike = {each.event for each in meant}
    asked = [each for each in stage.topology.subscriptions if each.event in alike]
    size = _size(period, now)
    counts = dict(zip([each.name for each in asked], _counts(stage, asked, period, size), strict=True))
    about = most = 0
    for one in meant:
        same = [each for each in asked if each.event is one.event]
        about += max(counts[each.name] for each in same if each.filter == one.filter)
        most += max(counts[each.name] for each in same)
    counted = {each.event for each in asked if counts[each.name]}
    nobody = [one.event.__name__ for one in meant if one.event not in counted]
    if len(nobody) == len(meant):
        return Estimate(
            basis="nobody counted: by CloudWatch no rule for these events sent any on, so that there were none, or all "
            "rules for them are newer"
        )
    basis = "by CloudWatch's counts of what the rules for these events sent on, which may miss some"
    if nobody:
        basis += f"; {', '.join(nobody)} no rule counted, so that there were none, or all rules are newer"
    return Estimate(about=about, most=most, basis=basis)


def _size(period: Period, now: datetime) -> timedelta:
    for size, kept in COARSENESS:
        if now - period.start < kept and (period.end - period.start) / size <= POINTS:
            return size
    return COARSENESS[-1][0]


def _counts(stage: Stage, asked: list[Subscription], period: Period, size: timedelta) -> list[int]:
    seconds = int(size.total_seconds())
    start = datetime.fromtimestamp(period.start.timestamp() // seconds * seconds, UTC)
    end = datetime.fromtimestamp(-(-period.end.timestamp() // seconds) * seconds, UTC)
    queries = []
    for index, subscription in enumerate(asked):
        metric = metrics.of_rule(stage.name, subscription, "Invocations")
        dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
        of = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
        queries.append({"Id": f"m{index}", "MetricStat": {"Metric": of, "Period": seconds, "Stat": "Sum"}})
    found: Counter[str] = Counter()
    page: dict[str, str] = {}
    with in_words():
        while True:
            answer = stage.client("cloudwatch").get_metric_data(
                MetricDataQueries=queries, StartTime=start, EndTime=end, **page
            )
            for result in answer["MetricDataResults"]:
                found[result["Id"]] += int(sum(result["Values"]))
            if not answer.get("NextToken"):
                return [found[f"m{index}"] for index in range(len(asked))]
            page = {"NextToken": answer["NextToken"]}


def _told(stage: Stage, meant: list[Subscription], period: Period) -> Estimate:
    start, end = (round(each.timestamp() * 1000) for each in (period.start, period.end))
    counts: Counter[str] = Counter()
    for line in recent(stage, period.start.timestamp()):
        if isinstance(line, Handled) and start <= line.at < end:
            counts.update(event.type for event in line.published)
    most = sum(counts[each.event.__name__] for each in meant)
    filtered = any(each.filter for each in meant)
    return Estimate(about=None if filtered else most, most=most, basis="by the log lines of those who published them")
