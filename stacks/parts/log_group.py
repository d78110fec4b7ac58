"""A log group that keeps its lines for the time that the stage says, never for ever."""

from __future__ import annotations

from typing import cast

from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.parts.customer_key import customer_key
from stacks.parts.retention import removal_policy
from stacks.settings import Settings


class LogGroup(logs.LogGroup):
    """A log group of a fixed name, with the stage's retention."""

    def __init__(self, scope: Construct, id_: str, *, name: str, settings: Settings) -> None:
        super().__init__(
            scope,
            id_,
            log_group_name=name,
            encryption_key=customer_key(scope, settings),
            removal_policy=removal_policy(settings),
        )
        cast(logs.CfnLogGroup, self.node.default_child).retention_in_days = settings.log_days
