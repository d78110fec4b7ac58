"""Where work becomes events: the bus, its archive, and a queue and a consumer for every subscriber."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_events as events
from constructs import Construct

from stacks import names
from stacks.entry import Topology
from stacks.parts.customer_key import customer_key
from stacks.parts.python_code import PythonCode
from stacks.parts.queue_consumer import QueueConsumer
from stacks.parts.stage_stack import StageStack
from stacks.parts.subscription import Subscriptions
from stacks.parts.work_queue import WorkQueue
from stacks.settings import Settings


class Fanout(StageStack):
    """Every subscriber has a queue of its own, so that a slow one delays nobody."""

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "fanout", settings=settings, description="Headrace: events reach their subscribers.")
        self.bus = events.EventBus(
            self,
            "Bus",
            event_bus_name=names.resource(settings.stage, "events"),
            kms_key=customer_key(self, settings),
            description="The facts that Headrace's functions publish.",
        )
        removal = RemovalPolicy.RETAIN if settings.retain else RemovalPolicy.DESTROY
        self.bus.apply_removal_policy(removal)
        if settings.archive_days:
            events.CfnArchive(
                self,
                "Archive",
                archive_name=names.resource(settings.stage, "events"),
                description="Every event, to replay.",
                kms_key_identifier=settings.key_arn,
                source_arn=self.bus.event_bus_arn,
                retention_days=settings.archive_days,
            ).apply_removal_policy(removal)
        code = PythonCode(self, settings=settings)
        for consumer in topology.subscribers():
            queue = WorkQueue(self, entry=topology.queue(consumer.function), consumer=consumer, settings=settings)
            Subscriptions(
                self,
                entries=[entry for entry in topology.subscriptions if entry.queue == queue.entry.name],
                queue=queue,
                bus=self.bus,
                settings=settings,
            )
            QueueConsumer(self, entry=consumer, queue=queue, code=code, settings=settings)
