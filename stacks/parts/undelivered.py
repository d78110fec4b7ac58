"""Where events are that EventBridge could not deliver."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from functions.contracts.environment import DEAD_LETTER_RETENTION
from stacks.parts.acknowledged import acknowledge
from stacks.parts.customer_key import customer_key, of_queue
from stacks.parts.retention import removal_policy
from stacks.settings import Settings


class Undelivered(sqs.Queue):
    """The dead-letter queue of a rule's target: standard, because EventBridge takes no other."""

    def __init__(self, scope: Construct, *, name: str, settings: Settings) -> None:
        super().__init__(
            scope,
            "Undelivered",
            queue_name=name,
            retention_period=Duration.seconds(DEAD_LETTER_RETENTION),
            **of_queue(customer_key(scope, settings)),
            enforce_ssl=True,
            removal_policy=removal_policy(settings),
        )
        acknowledge(self, "AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy")


def let_rules_send(queue: sqs.Queue, rule_arns: Sequence[str]) -> IConstruct:
    """Lets EventBridge send to the queue from those rules of this account only; the policy it returns says so."""
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            sid="EventsOfTheseRules",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={
                "ArnLike": {"aws:SourceArn": list(rule_arns)},
                "StringEquals": {"aws:SourceAccount": Stack.of(queue).account},
            },
        )
    )
    return queue.node.find_child("Policy")
