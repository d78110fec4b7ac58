"""What happens in a stage calls somebody when it must, and does not when it need not, as CloudWatch judges it.

The alarms are read from the template. A metric is a value for each minute, or nothing where AWS says nothing: an
expression of metrics that lack a value has none then, but for FILL, and a minute without a value breaches nothing.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from stacks import names
from tests.stacks.templates import Templates

Minutes = Sequence[float | None]


def value(alarm: Any, at: Mapping[str, float | None]) -> float | None:
    """What an alarm looks at, in a minute in which its metrics have these values."""
    if "Metrics" not in alarm:
        (only,) = at.values()
        return only
    (expression,) = [metric["Expression"] for metric in alarm["Metrics"] if metric.get("ReturnData", True)]
    written = re.sub(r"\bAND\b", "and", expression)
    filled = {name: other for name, other in at.items() if other is not None}
    for name in re.findall(r"FILL\((\w+), 0\)", written):
        filled.setdefault(f"filled_{name}", at[name] or 0)
    written = re.sub(r"FILL\((\w+), 0\)", r"filled_\1", written)
    known = {"__builtins__": {}, "IF": lambda condition, yes, no: yes() if condition else no(), **filled}
    try:
        return float(eval(_lazy(written), known))  # noqa: S307 - the template's own
    except (NameError, ZeroDivisionError):
        return None


def _lazy(expression: str) -> str:
    """The expression with the two answers of each IF asked for only where they are the answer."""
    at = expression.find("IF(")
    if at < 0:
        return expression
    parts, depth, start = [], 0, at + 3
    for index in range(start, len(expression)):
        depth += {"(": 1, ")": -1}.get(expression[index], 0)
        if depth < 0 or (depth == 0 and expression[index] == ","):
            parts.append(expression[start:index])
            start = index + 1
        if depth < 0:
            break
    condition, yes, no = parts
    return f"{expression[:at]}IF({condition}, lambda: {_lazy(yes)}, lambda: {_lazy(no)}){expression[start:]}"


def is_on(alarm: Any, **metrics: Minutes) -> bool:
    """Whether the alarm is on after these minutes, the last of which is now."""
    assert {each["Id"] for each in alarm.get("Metrics", ()) if "MetricStat" in each} <= metrics.keys()
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("GreaterThanThreshold", "notBreaching")
    minutes = [value(alarm, dict(zip(metrics, each, strict=True))) for each in zip(*metrics.values(), strict=True)]
    assert len(minutes) >= alarm["EvaluationPeriods"], "too few minutes to say"
    latest = minutes[-alarm["EvaluationPeriods"] :]
    breaching = sum(found is not None and found > alarm["Threshold"] for found in latest)
    return bool(breaching >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]))


@pytest.fixture(scope="module")
def alarms(prod: Templates) -> dict[str, Any]:
    found = prod.properties("AWS::CloudWatch::Alarm")
    return {alarm["AlarmName"].removeprefix(names.resource("prod", "")): alarm for alarm in found}


def always(value: float | None, minutes: int = 15) -> list[float | None]:
    return [value] * minutes


QUIET, ONCE = always(None), [*always(None, 14), 1.0]


@pytest.mark.parametrize(
    ("alarm", "metrics", "on"),
    [
        # A queue that nothing leaves, one that empties in an hour, in ten minutes, and one that is empty.
        ("open_ticket-drain", {"visible": always(5), "deleted": QUIET}, True),
        ("open_ticket-drain", {"visible": always(5), "deleted": always(0)}, True),
        ("open_ticket-drain", {"visible": always(6000), "deleted": always(100)}, True),
        ("open_ticket-drain", {"visible": always(1000), "deleted": always(100)}, False),
        ("open_ticket-drain", {"visible": always(0), "deleted": QUIET}, False),
        ("open_ticket-drain", {"visible": QUIET, "deleted": QUIET}, False),
        ("open_ticket-drain", {"visible": [*always(0, 6), *always(5, 9)], "deleted": QUIET}, False),
        # Received and never deleted; received and now and then deleted; nothing received.
        ("open_ticket-not-deleting", {"received": always(3), "deleted": QUIET}, True),
        ("open_ticket-not-deleting", {"received": always(3), "deleted": always(1)}, False),
        ("open_ticket-not-deleting", {"received": always(0), "deleted": QUIET}, False),
        ("open_ticket-not-deleting", {"received": QUIET, "deleted": QUIET}, False),
        ("open_ticket-not-deleting", {"received": [*always(3, 10), *always(0, 5)], "deleted": QUIET}, True),
        ("open_ticket-not-deleting", {"received": [*always(3, 9), *always(0, 6)], "deleted": QUIET}, False),
        # A hold that waits, and one that is just being probed.
        ("pause_consumer-paused", {"waiting": always(1), "probed": always(0)}, True),
        ("pause_consumer-paused", {"waiting": always(0), "probed": always(1)}, True),
        ("pause_consumer-paused", {"waiting": always(0), "probed": always(0)}, False),
        ("pause_consumer-paused", {"waiting": [*always(0, 13), 1.0, 1.0], "probed": always(0)}, False),
        # One fault in fifty calls at once; one refusal in two does, where there are enough, and for long enough.
        ("api-faults", {"wrong": [*always(0, 14), 2.0], "requests": always(100)}, True),
        ("api-faults", {"wrong": [*always(0, 14), 1.0], "requests": always(1)}, True),
        ("api-faults", {"wrong": always(1), "requests": always(100)}, False),
        ("api-faults", {"wrong": QUIET, "requests": QUIET}, False),
        ("api-refused", {"wrong": always(10), "requests": always(20)}, True),
        ("api-refused", {"wrong": always(19), "requests": always(19)}, False),
        ("api-refused", {"wrong": always(5), "requests": always(20)}, False),
        ("api-refused", {"wrong": [*always(0, 13), 20.0, 20.0], "requests": always(20)}, False),
        ("api-latency", {"latency": always(1001)}, True),
        ("api-latency", {"latency": always(1000)}, False),
        ("api-latency", {"latency": [*always(1, 13), *always(5000, 2)]}, False),
        # What is lost, dead, undelivered or crashed calls the first time; what may pass by itself does not.
        ("open_ticket-dead-letters", {"waiting": ONCE}, True),
        ("open_ticket-dead-letters", {"waiting": always(0)}, False),
        ("close_ticket-undelivered", {"waiting": ONCE}, True),
        ("open_ticket-errors", {"errors": ONCE}, True),
        ("mail_ticket-on-TicketOpened-lost-events", {"events": ONCE}, True),
        ("open_ticket-throttles", {"throttles": ONCE}, False),
        ("open_ticket-throttles", {"throttles": always(1)}, True),
        ("open_ticket-oldest", {"age": always(301)}, True),
        ("open_ticket-oldest", {"age": always(300)}, False),
        ("open_ticket-oldest", {"age": [*always(0, 13), *always(900, 2)]}, False),
    ],
)
def test_who_is_called_when(alarms: dict[str, Any], alarm: str, metrics: dict[str, Minutes], on: bool) -> None:
    assert is_on(alarms[alarm], **metrics) is on


def test_a_consumer_that_uses_all_its_concurrency_is_told_of_after_a_quarter_of_an_hour(
    alarms: dict[str, Any],
) -> None:
    word, alarm = next((word, each) for word, each in alarms.items() if word.endswith("-concurrency"))
    most = alarm["Threshold"] + 1
    assert most >= 2, word
    assert is_on(alarm, running=always(most))
    assert not is_on(alarm, running=[*always(most, 14), most - 1])


def test_each_metric_is_taken_by_the_minute_and_as_a_sum_but_for_what_stands_and_what_lasts(
    alarms: dict[str, Any],
) -> None:
    standing = r"Approximate|ConcurrentExecutions"
    for word, alarm in alarms.items():
        for metric in alarm.get("Metrics") or [{"MetricStat": {"Metric": alarm, **_single(alarm)}}]:
            if "MetricStat" not in metric:
                continue
            taken = metric["MetricStat"]
            name = taken["Metric"]["MetricName"]
            expected = "Maximum" if re.match(standing, name) else "p99" if name in ("Duration", "Latency") else "Sum"
            assert (taken["Stat"], taken["Period"]) == (expected, 60), f"{word}: {name}"


def _single(alarm: Any) -> dict[str, Any]:
    return {"Stat": alarm.get("Statistic") or alarm["ExtendedStatistic"], "Period": alarm["Period"]}
