"""The metrics of what a stage has, by name: what alarms watch and the dashboard shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stacks import names
from stacks.entry import Subscription

MINUTE = 60


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch; `period` is seconds."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"
    period: int = MINUTE


def of_queue(name: str, metric: str, statistic: str = "Sum") -> Metric:
    """A metric of the queue of that physical name."""
    return Metric("AWS/SQS", metric, {"QueueName": name}, statistic)


def of_function(stage: str, function: str, metric: str, statistic: str = "Sum") -> Metric:
    """A metric of Lambda's for a function."""
    return Metric("AWS/Lambda", metric, {"FunctionName": names.resource(stage, function)}, statistic)


def of_consumer(stage: str, function: str, metric: str, statistic: str = "Sum") -> Metric:
    """A metric that our runtime counts."""
    return Metric(names.PROJECT, metric, {"stage": stage, "service": function}, statistic)


def of_rule(stage: str, subscription: Subscription, metric: str) -> Metric:
    """A metric of a rule; on a custom bus it has the bus's name too.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    """
    bus = names.bus(stage, subscription.bus).rpartition("event-bus/")[2]
    rule = names.rule(stage, subscription.queue, subscription.event.__name__)
    return Metric(
        "AWS/Events", metric, {"RuleName": rule} | ({} if bus == names.DEFAULT_BUS else {"EventBusName": bus})
    )


def of_schedules(stage: str, metric: str) -> Metric:
    """A metric of the stage's group of schedules; no single schedule has any.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html
    """
    return Metric("AWS/Scheduler", metric, {"ScheduleGroup": names.resource(stage, names.SCHEDULES)})


def of_api(stage: str, metric: str, statistic: str = "Sum") -> Metric:
    """A metric of the API's stage."""
    return Metric("AWS/ApiGateway", metric, {"ApiName": names.resource(stage, "api"), "Stage": stage}, statistic)
