"""A DynamoDB table of a stage."""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks import names
from stacks.parts.acknowledged import acknowledge
from stacks.parts.customer_key import customer_key
from stacks.parts.retention import removal_policy
from stacks.settings import Settings


class Table(dynamodb.Table):
    """A table paid by the request, with a string partition key; `expires` is the attribute that ends an item's life."""

    def __init__(self, scope: Construct, name: str, *, key: str, expires: str | None, settings: Settings) -> None:
        customer = customer_key(scope, settings, f"{name}-key")
        super().__init__(
            scope,
            f"{name}-table",  # a function may have the same name
            table_name=names.resource(settings.stage, name),
            partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute=expires,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if customer else dynamodb.TableEncryption.DEFAULT,
            encryption_key=customer,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=settings.retain
            ),
            deletion_protection=name in settings.protected.tables,
            removal_policy=removal_policy(settings),
        )
        if not settings.retain:
            acknowledge(self, "AwsSolutions-DDB3")
