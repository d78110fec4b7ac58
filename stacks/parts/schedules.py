"""What EventBridge Scheduler sends to a queue, by what role, and where it is if it could not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from functions.contracts.plan import PLAN_COMMAND
from functions.contracts.run import SCHEDULED_TIME, Run
from stacks import names
from stacks.entry import Queue, Schedule, Topology
from stacks.parts import arn
from stacks.parts.customer_key import key_grant
from stacks.parts.role_policies import add_policies
from stacks.parts.undelivered import Undelivered
from stacks.parts.work_queue import WorkQueue
from stacks.settings import Settings

SEND = "arn:{}:scheduler:::aws-sdk:sqs:sendMessage"
"""SQS's own call, because the target that is made for queues takes no message attributes.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html"""
# Scheduler's own longest. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
RETRY_AGE = 86_400
RETRIES = 185


class ScheduleGroup(Construct):
    """The stage's group of schedules, and the role by which Scheduler sends what they say to their queues only.

    Of the account's schedules only those of this group may use the role.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """

    def __init__(self, scope: Construct, *, topology: Topology, settings: Settings) -> None:
        super().__init__(scope, "ScheduleGroup")
        stage = settings.stage
        name = names.resource(stage, names.SCHEDULES)
        scheduler.CfnScheduleGroup(self, "Group", name=name)
        role = iam.Role(
            self,
            "Role",
            role_name=names.regional(stage, names.SCHEDULES, Stack.of(self).region),
            description=f"What the schedules of {name} may do.",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={
                    "StringEquals": {
                        "aws:SourceAccount": Stack.of(self).account,
                        "aws:SourceArn": arn.schedule_group(self, name),
                    }
                },
            ),
        )
        add_policies(role, self._statements(topology, settings))

    def _statements(self, topology: Topology, settings: Settings) -> Iterator[iam.PolicyStatement]:
        queues = [topology.queue(name) for name in topology.scheduled() if name != PLAN_COMMAND]
        fed = [names.queue(settings.stage, queue.name, fifo=queue.fifo) for queue in queues]
        undelivered = [names.target_dead_letter_queue(settings.stage, queue.name) for queue in queues]
        yield iam.PolicyStatement(
            actions=["sqs:SendMessage"], resources=[arn.queue(self, name) for name in (*fed, *undelivered)]
        )
        yield from key_grant(settings, "kms:Decrypt", "kms:GenerateDataKey", former=())


class Schedules(Construct):
    """The schedules that feed one queue, and the queue of what could not be sent.

    A retired integration has none, and the queue until it is drained.
    """

    def __init__(
        self, scope: Construct, *, entries: Sequence[Schedule], queue: WorkQueue, settings: Settings, retired: bool
    ) -> None:
        super().__init__(scope, f"{queue.entry.name}-schedules")
        stage = settings.stage
        undelivered = Undelivered(self, name=names.target_dead_letter_queue(stage, queue.entry.name), settings=settings)
        role = arn.role(self, names.regional(stage, names.SCHEDULES, Stack.of(self).region))
        for entry in () if retired else entries:
            scheduler.CfnSchedule(
                self,
                entry.name,
                name=entry.name,
                group_name=names.resource(stage, names.SCHEDULES),
                description=f"{type(entry.sends).__name__} goes to {queue.name}.",
                schedule_expression=entry.every,
                schedule_expression_timezone=entry.timezone,
                state="DISABLED" if entry.paused else "ENABLED",
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(
                    mode="FLEXIBLE" if entry.window else "OFF", maximum_window_in_minutes=entry.window or None
                ),
                target=scheduler.CfnSchedule.TargetProperty(
                    arn=SEND.format(Stack.of(self).partition),
                    role_arn=role,
                    input=Stack.of(self).to_json_string(request(entry, queue.entry, queue.queue.queue_url)),
                    dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=undelivered.queue_arn),
                    retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=RETRY_AGE, maximum_retry_attempts=RETRIES
                    ),
                ),
            )


def request(entry: Schedule, queue: Queue, url: str) -> dict[str, object]:
    """SendMessage as Scheduler makes it, the run's time still to be filled in.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    run = Run(entry.name, SCHEDULED_TIME, entry.skips)
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in run.attributes().items()}
    group = {"MessageGroupId": entry.group, "MessageDeduplicationId": run.key} if queue.fifo else {}
    return {"QueueUrl": url, "MessageBody": entry.body(), "MessageAttributes": attributes, **group}
