"""What is remembered: the topology's tables and secrets, and the tables that runtime and operators keep."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks import names
from stacks.entry import Topology
from stacks.parts.acknowledged import acknowledge
from stacks.parts.customer_key import customer_key
from stacks.parts.stage_stack import StageStack
from stacks.settings import Settings


class State(StageStack):
    """One table an entry; and why messages failed, which effects were had already, and who redrove what."""

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "state", settings=settings, description="Headrace: what is remembered.")
        self._settings = settings
        self._key = customer_key(self, settings)
        for entry in topology.tables:
            self._table(entry.name, key=entry.key, expires="expires_at" if entry.expires else None)
        for secret in topology.secrets():
            self._secret(secret)
        self._table("failures", key="message_id", expires="expires_at")
        self._table("once", key="id", expires="expiration")
        self._table("redrives", key="id", expires=None)

    def _secret(self, name: str) -> None:
        """A secret with a value that nobody knows, until a person puts in the one agreed with the other side."""
        settings = self._settings
        secret = secretsmanager.Secret(
            self,
            name,
            secret_name=names.resource(settings.stage, name),
            description="Agreed with the sender of webhooks.",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            removal_policy=RemovalPolicy.RETAIN if settings.retain else RemovalPolicy.DESTROY,
        )
        acknowledge(secret, "AwsSolutions-SMG4")

    def _table(self, name: str, *, key: str, expires: str | None) -> None:
        settings = self._settings
        table = dynamodb.Table(
            self,
            name,
            table_name=names.resource(settings.stage, name),
            partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute=expires,
            encryption=(dynamodb.TableEncryption.CUSTOMER_MANAGED if self._key else dynamodb.TableEncryption.DEFAULT),
            encryption_key=self._key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=settings.retain
            ),
            deletion_protection=settings.protect,
            removal_policy=RemovalPolicy.RETAIN if settings.retain else RemovalPolicy.DESTROY,
        )
        if not settings.retain:
            acknowledge(table, "AwsSolutions-DDB3")
