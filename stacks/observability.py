"""Who is told when, and where to look: alarms and their topic, the dashboard, the saved queries."""

from __future__ import annotations

import json

from aws_cdk import ArnFormat, Fn, SecretValue
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks import names
from stacks.entry import Topology
from stacks.monitoring.chat_webhook import ChatWebhook
from stacks.monitoring.dashboard import dashboards
from stacks.monitoring.metric_alarms import TOPIC, MetricAlarms
from stacks.monitoring.queries import queries
from stacks.parts.acknowledged import acknowledge
from stacks.parts.customer_key import customer_key
from stacks.parts.stage_stack import StageStack
from stacks.settings import Alarms, Settings


class Observability(StageStack):
    """Everything finds what it watches by name, so that this stack can be deployed, changed or removed by itself.

    The alarms of an integration are in its own stack, and find the topic by its name.
    """

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology, limits: Alarms) -> None:
        super().__init__(scope, "observability", settings=settings, description="Who is told when.")
        topic = sns.Topic(
            self,
            "Topic",
            topic_name=names.resource(settings.stage, TOPIC),
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
        MetricAlarms(self, of=None, topic=topic, topology=topology, settings=settings, limits=limits)
        for number, body in enumerate(dashboards(topology, settings), start=1):
            cloudwatch.CfnDashboard(
                self,
                "Dashboard" if number == 1 else f"Dashboard{number}",
                dashboard_name=names.regional(settings.stage, "flow" if number == 1 else f"flow-{number}", self.region),
                dashboard_body=Fn.sub(json.dumps(body, separators=(",", ":"))),
            )
        for query in queries(topology, settings.stage):
            logs.CfnQueryDefinition(
                self,
                f"Query {query.name}",
                name=f"{names.PROJECT}/{settings.stage}/{query.name}",
                query_string=query.text,
                log_group_names=list(query.log_groups),
            )
