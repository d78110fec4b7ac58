"""What one integration owns: tables and secrets, queues and their consumers, the events that reach them, alarms."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from functions.contracts.environment import WorkflowVariables, variable
from stacks import entry, lanes, names, workflow
from stacks.bundle.python_code import PythonCode
from stacks.monitoring.metric_alarms import MetricAlarms
from stacks.parts import planning, tracking
from stacks.parts.acknowledged import acknowledge
from stacks.parts.queue_consumer import QueueConsumer
from stacks.parts.retention import removal_policy
from stacks.parts.schedules import Schedules
from stacks.parts.stage_stack import StageStack
from stacks.parts.subscription import Subscriptions
from stacks.parts.table import Table
from stacks.parts.work_queue import WorkQueue
from stacks.settings import Settings


class Integration(StageStack):
    """One stack, `<project>-<stage>-<name>`. It meets others by names only, so it can be deployed and removed alone.

    Every queue has a consumer and a dead-letter queue; one that events or schedules feed has these and a queue for
    what could not be delivered. A retired integration has no rules and schedules, and everything else.
    """

    def __init__(
        self, scope: Construct, *, settings: Settings, topology: entry.Topology, integration: entry.Integration
    ) -> None:
        super().__init__(scope, integration.name, settings=settings, description=f"Integration {integration.name}.")
        tables = {
            table.name: Table(
                self,
                table.name,
                key=table.key,
                expires="expires_at" if table.expires else None,
                settings=settings,
            )
            for table in integration.tables
        }
        secrets = {secret: self._secret(secret, settings) for secret in integration.secrets()}
        if not integration.queues:
            return
        if settings.alarms:
            MetricAlarms(self, of=integration.name, topology=topology, settings=settings, limits=settings.alarms)
        code = PythonCode(
            self,
            settings=settings,
            package=topology.package,
            name=f"{integration.name}-dependencies",
        )
        CfnOutput(
            self, "Release", value=code.release, description="The code, as each attempt names it in its log line."
        )
        if integration.is_planning:
            planning.PlanGroup(self, topology=topology, settings=settings)
        subscribed: dict[str, Subscriptions] = {}
        for queue_entry in integration.queues:
            consumer = topology.consumer(queue_entry.name)
            queue = WorkQueue(self, entry=queue_entry, consumer=consumer, settings=settings)
            if integration.fed_by_events(queue_entry.name):
                subscribed[queue_entry.name] = Subscriptions(
                    self,
                    entries=[each for each in integration.subscriptions if each.queue == queue_entry.name],
                    queue=queue,
                    settings=settings,
                    retired=integration.retired,
                )
            scheduled = integration.scheduled(queue_entry.name)
            if scheduled:
                Schedules(self, entries=scheduled, queue=queue, settings=settings, retired=integration.retired)
            skips = any(schedule.skips for schedule in scheduled)
            told = {
                variable("workflow", WorkflowVariables): workflow.variable(consumer, topology),
                variable("death_keys"): workflow.keys(consumer, topology),
            }
            more = planning.of(self, consumer, topology, integration, settings).and_told(**told)
            more = more.and_(tracking.of(self, consumer, integration, settings))
            worker = QueueConsumer(
                self,
                entry=consumer,
                queue=queue,
                code=code,
                module=topology.module(consumer.function),
                settings=settings,
                skips=skips,
                more=more,
            )
            # By name, as it finds them, it would start before they are there.
            used = [*(tables.get(access.table) for access in consumer.access), *map(secrets.get, consumer.secrets)]
            worker.function.node.add_dependency(*(each for each in used if each is not None))

        for first, then in lanes.in_order(integration.queues):
            if {first, then} <= subscribed.keys():
                subscribed[then].node.add_dependency(subscribed[first])

    def _secret(self, name: str, settings: Settings) -> secretsmanager.Secret:
        """A secret with a value that nobody knows, until a person puts in the one agreed with the other side."""
        secret = secretsmanager.Secret(
            self,
            f"{name}-secret",  # a function may have the same name
            secret_name=names.resource(settings.stage, name),
            description="Agreed with the other side.",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            removal_policy=removal_policy(settings),
        )
        acknowledge(secret, "AwsSolutions-SMG4")
        return secret
