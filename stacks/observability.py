"""Who is told when, and where to look: alarms and their topic, the dashboard, the saved queries."""

from __future__ import annotations

import json

from aws_cdk import ArnFormat, Duration, Fn, SecretValue
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks import names
from stacks.entry import Topology
from stacks.monitoring.alarms import Alarm, alarms
from stacks.monitoring.chat_webhook import ChatWebhook
from stacks.monitoring.dashboard import dashboard
from stacks.monitoring.metrics import Metric
from stacks.monitoring.queries import queries
from stacks.parts.acknowledged import acknowledge
from stacks.parts.customer_key import customer_key
from stacks.parts.stage_stack import StageStack
from stacks.settings import Alarms, Settings


class Observability(StageStack):
    """Everything finds what it watches by name, so that this stack can be deployed, changed or removed by itself."""

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology, limits: Alarms) -> None:
        super().__init__(scope, "observability", settings=settings, description="Who is told when.")
        topic = sns.Topic(
            self,
            "Topic",
            topic_name=names.resource(settings.stage, "alarms"),
            enforce_ssl=True,
            master_key=customer_key(self, settings),
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": self.account},
                    "ArnLike": {
                        "aws:SourceArn": self.format_arn(
                            service="cloudwatch",
                            resource="alarm",
                            resource_name=names.resource(settings.stage, "*"),
                            arn_format=ArnFormat.COLON_RESOURCE_NAME,
                        )
                    },
                },
            )
        )
        if limits.email:
            topic.add_subscription(subscriptions.EmailSubscription(limits.email))
            acknowledge(topic.node.find_child(limits.email), "Serverless-SNSRedrivePolicy")
        if limits.webhook_secret:
            ChatWebhook(self, url=SecretValue.secrets_manager(limits.webhook_secret), settings=settings)
        for entry in alarms(topology, settings):
            alarm = self._alarm(entry, settings.stage, limits)
            alarm.add_alarm_action(actions.SnsAction(topic))
            alarm.add_ok_action(actions.SnsAction(topic))
        if topology.queues:
            cloudwatch.CfnDashboard(
                self,
                "Dashboard",
                dashboard_name=names.resource(settings.stage, "flow"),
                dashboard_body=Fn.sub(json.dumps(dashboard(topology, settings), separators=(",", ":"))),
            )
        for query in queries(topology, settings.stage):
            logs.CfnQueryDefinition(
                self,
                f"Query {query.name}",
                name=f"{names.PROJECT}/{settings.stage}/{query.name}",
                query_string=query.text,
                log_group_names=list(query.log_groups),
            )

    def _alarm(self, entry: Alarm, stage: str, limits: Alarms) -> cloudwatch.Alarm:
        metrics = {name: _metric(metric) for name, metric in entry.metrics.items()}
        (one, *others) = metrics.values()
        assert entry.expression or not others
        watched = (
            cloudwatch.MathExpression(
                expression=entry.expression, using_metrics=metrics, label=entry.unit, period=Duration.minutes(1)
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
