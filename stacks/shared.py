"""What all integrations share: the bus and its archive, the tables that runtime and operators keep, and what pauses."""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from constructs import Construct

from functions.contracts import tracked
from functions.contracts.limit import KEY, TABLE
from functions.contracts.parked import EXPIRES_AT
from functions.contracts.plan import PLAN_COMMAND
from stacks import limits, names, status
from stacks.entry import Topology
from stacks.parts.customer_key import customer_key
from stacks.parts.pause_consumer import PauseConsumer
from stacks.parts.retention import removal_policy
from stacks.parts.schedules import ScheduleGroup
from stacks.parts.stage_stack import StageStack
from stacks.parts.table import Table
from stacks.settings import Settings

EXPIRY = {
    names.FAILURES: "expires_at",
    names.ONCE: "expiration",
    names.KEYS: "expires_at",
    names.PARKED: EXPIRES_AT,
}
"""The attribute after whose time an item goes; a table that is not here keeps its items."""


class Shared(StageStack):
    """One bus for every event; why messages failed, what is parked behind them, which effects were had, who redrove.


    Where there is a limit, also what it has given away; where a route is tracked, what became of its requests; where
    there is a consumer, also what pauses it while a service is away; where there is a schedule, the group of all.
    """

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "shared", settings=settings, description="What all integrations share.")
        for name, key in names.SHARED_TABLES.items():
            table = Table(self, name, key=key, expires=EXPIRY.get(name), settings=settings)
            if name == names.REDRIVES:
                table.add_global_secondary_index(
                    index_name=names.BY_ACTION,
                    partition_key=dynamodb.Attribute(name="action", type=dynamodb.AttributeType.STRING),
                    sort_key=dynamodb.Attribute(name="started_at", type=dynamodb.AttributeType.STRING),
                )
        if limits.exist(topology):
            Table(self, TABLE, key=KEY, expires=EXPIRES_AT, settings=settings)
        if status.tracked_anywhere(topology):
            Table(self, tracked.TABLE, key=tracked.KEY, expires=tracked.EXPIRES_AT, settings=settings)
        bus = events.EventBus(
            self,
            "Bus",
            event_bus_name=names.resource(settings.stage, names.BUS),
            kms_key=customer_key(self, settings),
            description=f"The facts that {names.PROJECT}'s functions publish.",
        )
        bus.apply_removal_policy(removal_policy(settings))
        if settings.archive_days:
            events.CfnArchive(
                self,
                "Archive",
                archive_name=names.resource(settings.stage, names.BUS),
                description="Every event, to replay.",
                kms_key_identifier=settings.key_arn,
                source_arn=bus.event_bus_arn,
                retention_days=settings.archive_days,
            ).apply_removal_policy(removal_policy(settings))
        if topology.consumers:
            PauseConsumer(self, settings=settings)
        if {*topology.scheduled()} - {PLAN_COMMAND}:
            ScheduleGroup(self, topology=topology, settings=settings)
        if topology.skips:
            Table(self, names.SCHEDULE_RUNS, key="schedule", expires=None, settings=settings)
