"""Alarms as CloudWatch has them: those of one stack, and the topic that they tell."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks import names
from stacks.entry import Topology
from stacks.monitoring.alarm import Alarm
from stacks.monitoring.alarms import alarms, owner
from stacks.monitoring.metrics import Metric
from stacks.settings import Alarms, Settings

TOPIC = "alarms"
"""The topic that tells of a stage's alarms."""


class MetricAlarms(Construct):
    """The alarms of an integration, or with `of=None` those of what all share.

    Each is in the stack of what it watches: it comes and goes with it, and a hundred integrations do not share the 500
    resources that a stack takes. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """

    def __init__(
        self,
        scope: Construct,
        *,
        of: str | None,
        topology: Topology,
        settings: Settings,
        limits: Alarms,
        topic: sns.ITopic | None = None,
    ) -> None:
        super().__init__(scope, "Alarms")
        if topic is None:
            arn = Stack.of(self).format_arn(service="sns", resource=names.resource(settings.stage, TOPIC))
            topic = sns.Topic.from_topic_arn(self, "Topic", arn)
        told = actions.SnsAction(topic)
        for entry in alarms(topology, settings):
            if owner(entry, topology) == of:
                alarm = self._alarm(entry, settings.stage, limits)
                alarm.add_alarm_action(told)
                alarm.add_ok_action(told)

    def _alarm(self, entry: Alarm, stage: str, limits: Alarms) -> cloudwatch.Alarm:
        metrics = {name: _metric(metric) for name, metric in entry.metrics.items()}
        (one, *others) = metrics.values()
        assert entry.expression or not others
        watched = (
            cloudwatch.MathExpression(
                expression=entry.expression,
                using_metrics=metrics,
                label=entry.unit,
                period=Duration.seconds(entry.period),
            )
            if entry.expression
            else one
        )
        return cloudwatch.Alarm(
            self,
            entry.word,
            alarm_name=names.resource(stage, entry.word),
            alarm_description=(
                f"{entry.kind.means} ({entry.subject}: more than {entry.threshold:g} {entry.unit}.) "
                f"What to do: {entry.do(stage)} {limits.runbook}#{entry.kind.name}"
            ),
            metric=watched,
            threshold=entry.threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=entry.periods,
            datapoints_to_alarm=entry.datapoints,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )


def _metric(metric: Metric) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=metric.namespace,
        metric_name=metric.name,
        dimensions_map=metric.dimensions,
        statistic=metric.statistic,
        period=Duration.seconds(metric.period),
    )
