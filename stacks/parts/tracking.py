"""What a consumer is told and may do of whose requests the status can be asked for."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.contracts.environment import table_variable, variable
from functions.contracts.tracked import TABLE
from stacks import names, status
from stacks.entry import Consumer, Integration
from stacks.parts import arn
from stacks.parts.queue_consumer import More
from stacks.settings import Settings


def of(scope: Construct, consumer: Consumer, integration: Integration, settings: Settings) -> More:
    """Nothing where none of its routes is tracked."""
    told = status.variable(integration, consumer.function)
    if told is None:
        return More()
    table = names.resource(settings.stage, TABLE)
    return More(
        {variable("tracked"): told, table_variable(TABLE): table},
        [iam.PolicyStatement(actions=["dynamodb:PutItem", "dynamodb:UpdateItem"], resources=[arn.table(scope, table)])],
    )
