"""What delays need: the group of one-time schedules, what `plan_command` may do, and what consumers of delays may."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from functions.contracts.environment import QUEUE, PlanVariables, table_variable, variable
from functions.contracts.plan import PLAN_COMMAND, PLANNED
from stacks import names, plans
from stacks.entry import Consumer, Integration, Topology
from stacks.parts import arn
from stacks.parts.customer_key import key_grant
from stacks.parts.queue_consumer import More
from stacks.parts.role_policies import add_policies
from stacks.parts.undelivered import Undelivered
from stacks.settings import Settings

SERVICE = "scheduler.amazonaws.com"


class PlanGroup(Construct):
    """The group of one-time schedules, the role that they take, and the queue of what they could not send.

    Apart from other schedules, of which it is known when they must run. Of the account's schedules only those of this
    group may use the role, which may send to queues of delays only.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """

    def __init__(self, scope: Construct, *, topology: Topology, settings: Settings) -> None:
        super().__init__(scope, "PlanGroup")
        stage, stack = settings.stage, Stack.of(self)
        name = names.resource(stage, names.PLANS)
        scheduler.CfnScheduleGroup(self, "Group", name=name)
        undelivered = Undelivered(self, name=names.target_dead_letter_queue(stage, PLAN_COMMAND), settings=settings)
        role = iam.Role(
            self,
            "Role",
            role_name=names.regional(stage, names.PLANS, stack.region),
            description=f"What the schedules of {name} may do.",
            assumed_by=iam.ServicePrincipal(
                SERVICE,
                conditions={
                    "StringEquals": {
                        "aws:SourceAccount": stack.account,
                        "aws:SourceArn": stack.format_arn(
                            service="scheduler", resource="schedule-group", resource_name=name
                        ),
                    }
                },
            ),
        )
        add_policies(
            role,
            (
                iam.PolicyStatement(
                    actions=["sqs:SendMessage"], resources=[*_queues(self, topology, settings), undelivered.queue_arn]
                ),
                *key_grant(settings, "kms:Decrypt", "kms:GenerateDataKey"),
            ),
        )


def of(scope: Construct, consumer: Consumer, topology: Topology, integration: Integration, settings: Settings) -> More:
    """What a consumer is told and may do because of delays; nothing where it has to do with none."""
    if consumer.function == PLAN_COMMAND:
        return _planner(scope, topology, settings)
    environment: dict[str, str] = {}
    statements: list[iam.PolicyStatement] = []
    if consumer.plans or integration.takes_delays(consumer.function):
        name = names.queue(settings.stage, PLAN_COMMAND)
        environment[variable("plan_queue_url")] = arn.queue_url(scope, name)
        statements.append(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[arn.queue(scope, name)]))
    if consumer.plans:
        environment[variable("plans")] = plans.words(consumer)
    if integration.delayed(consumer.function):
        table = names.resource(settings.stage, PLANNED)
        environment[table_variable(PLANNED)] = table
        statements.append(iam.PolicyStatement(actions=["dynamodb:UpdateItem"], resources=[arn.table(scope, table)]))
    return More(environment, statements)


def _queues(scope: Construct, topology: Topology, settings: Settings) -> list[str]:
    return [arn.queue(scope, names.queue(settings.stage, word)) for word in topology.delayed()]


def _planner(scope: Construct, topology: Topology, settings: Settings) -> More:
    stack, stage = Stack.of(scope), settings.stage
    name = names.regional(stage, names.PLANS, stack.region)
    role = stack.format_arn(service="iam", region="", resource="role", resource_name=name)
    told = PlanVariables(
        group=names.resource(stage, names.PLANS),
        role=role,
        undelivered=arn.queue(scope, names.target_dead_letter_queue(stage, PLAN_COMMAND)),
        target=f"arn:{stack.partition}:scheduler:::aws-sdk:sqs:sendMessage",
        queue=arn.queue_url(scope, names.queue(stage, QUEUE)),
        key=settings.key_arn,
    )
    passes = iam.PolicyStatement(
        actions=["iam:PassRole"],
        resources=[role],
        conditions={"StringEquals": {"iam:PassedToService": SERVICE}},
    )
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/encryption-rest.html
    encrypts = key_grant(settings, "kms:DescribeKey", former=())
    sends = iam.PolicyStatement(actions=["sqs:SendMessage"], resources=_queues(scope, topology, settings))
    return More(told.variables(), [sends, passes, *encrypts])
