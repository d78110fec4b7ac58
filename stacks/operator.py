"""Who redrives dead letters: a role that may do exactly what `python -m ops` does, and assumes nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions.contracts.limit import TABLE
from functions.contracts.plan import PLAN_COMMAND
from stacks import limits, names
from stacks.entry import Topology
from stacks.parts import arn
from stacks.parts.acknowledged import LOG_STREAMS, REPLAYS, REST_APIS, SCHEDULES, acknowledge
from stacks.parts.role_policies import add_policies
from stacks.parts.stage_stack import StageStack
from stacks.settings import Settings

# What AWS's own redrive needs on the dead-letter queue is the first four and the two about visibility; our mover needs
# the same without the task.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
ON_DEAD_LETTERS = (
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:StartMessageMoveTask",
    "sqs:ListMessageMoveTasks",
    "sqs:CancelMessageMoveTask",
    "sqs:ChangeMessageVisibility",
    "sqs:ListDeadLetterSourceQueues",
    "sqs:GetQueueUrl",
    "sqs:SendMessage",
)
ANSWERS = ("cloudwatch:GetMetricData", "logs:GetQueryResults", "logs:StopQuery", "lambda:ListEventSourceMappings")
ON_REPLAYS = ("events:StartReplay", "events:DescribeReplay", "events:CancelReplay")
ON_SCHEDULES = ("scheduler:GetSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule")
RUNS = "20*"
"""How the names of replays end: with the time. Those of a stage called `<stage>-replay` do not begin so."""
ON_WORK = ("sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl")


class Operator(StageStack):
    """The role of the person on call; anyone of the account whom IAM lets may take it."""

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "operator", settings=settings, description="Who redrives dead letters.")
        self._settings = settings
        self._topology = topology
        name = names.regional(settings.stage, "operator", self.region)
        role = iam.Role(
            self,
            "Role",
            role_name=name,
            description=f"What {name} may do.",
            assumed_by=iam.AccountRootPrincipal(),
            max_session_duration=Duration.hours(4),
        )
        add_policies(role, (statement for statement in self._statements() if statement.resources))
        acknowledge(role, "AwsSolutions-IAM5[Resource::*]")
        acknowledge(role, REST_APIS)
        acknowledge(role, LOG_STREAMS, names=self._log_groups())
        groups = [names.SCHEDULES] if {*topology.scheduled()} - {PLAN_COMMAND} else []
        groups += [names.PLANS] if any(topology.delayed()) else []
        if groups:
            acknowledge(role, SCHEDULES, names=[names.resource(settings.stage, each) for each in groups])
        if any(each.sid == "Replays" for each in self._replays()):
            acknowledge(role, REPLAYS, names=[names.replay(settings.stage, RUNS)])
        CfnOutput(self, "RoleArn", value=role.role_arn, description="To be taken before python -m ops.")

    def _statements(self) -> Iterator[iam.PolicyStatement]:
        stage = self._settings.stage
        queues = self._topology.queues
        work = [names.queue(stage, queue.name, fifo=queue.fifo) for queue in queues]
        dead = [names.dead_letter_queue(stage, queue.name, fifo=queue.fifo) for queue in queues]
        dead += [names.target_dead_letter_queue(stage, queue) for queue in self._topology.fed_by_events()]
        dead += [names.target_dead_letter_queue(stage, queue) for queue in self._topology.scheduled()]
        dead += [names.target_dead_letter_queue(stage, names.CHAT)] if self._settings.posts else []
        yield self._allow("DeadLetters", ON_DEAD_LETTERS, [arn.queue(self, name) for name in dead])
        yield self._allow("Queues", ON_WORK, [arn.queue(self, name) for name in work])
        yield self._allow(
            "Causes", ("dynamodb:BatchGetItem",), [arn.table(self, names.resource(stage, names.FAILURES))]
        )
        parks = any(queue.on_poison == "park" for queue in queues)
        parked = [arn.table(self, names.resource(stage, names.PARKED))] if parks else []
        yield self._allow("Parked", ("dynamodb:Scan", "dynamodb:UpdateItem", "dynamodb:PutItem"), parked)
        counts = [arn.table(self, names.resource(stage, TABLE))] if limits.exist(self._topology) else []
        yield self._allow("Limits", ("dynamodb:BatchGetItem", "dynamodb:Scan"), counts)
        audit = arn.table(self, names.resource(stage, names.REDRIVES))
        yield self._allow("Audit", ("dynamodb:PutItem", "dynamodb:GetItem"), [audit])
        yield self._allow("History", ("dynamodb:Query",), [f"{audit}/index/{names.BY_ACTION}"])
        # Those of a retired integration too: its undelivered events are redriven, and `retire` sees that they are gone.
        subscriptions = [entry for each in self._topology.integrations for entry in each.subscriptions]
        rules = [arn.rule_of(self, subscription, stage) for subscription in subscriptions]
        yield self._allow("Targets", ("events:ListTargetsByRule",), rules)
        yield from self._replays()
        yield from self._schedules()
        yield self._allow("Logs", ("logs:StartQuery",), [arn.log_group(self, name) for name in self._log_groups()])
        yield self._allow("Routes", ("apigateway:GET",), [arn.rest_apis(self), f"{arn.rest_apis(self)}/*/resources"])
        # Neither metrics nor the answers to one's own queries are resources, nor is the list of mappings.
        yield self._allow("Answers", ANSWERS, ["*"])
        if self._settings.key_arn is not None:
            yield self._allow("Key", ("kms:Decrypt", "kms:GenerateDataKey"), [self._settings.key_arn])
        yield self._allow("FormerKeys", ("kms:Decrypt",), list(self._settings.former_keys))

    def _replays(self) -> Iterator[iam.PolicyStatement]:
        """Where the stage archives events and somebody subscribes to them: to replay them, by the stage's own name.

        Where it archives none, to be told so: AWS tells whoever may not ask no difference between none and not yours.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
        """
        stage = self._settings.stage
        subscriptions = [each for each in self._topology.subscriptions if each.bus is None]
        if not subscriptions:
            return
        bus = names.resource(stage, names.BUS)
        if not self._settings.archive_days:
            yield self._allow("Archive", ("events:DescribeArchive",), [arn.archive(self, bus)])
            yield self._allow("EveryReplay", ("events:ListReplays",), ["*"])
            return
        rules = [arn.rule_of(self, subscription, stage) for subscription in subscriptions]
        yield self._allow("Archive", ("events:DescribeArchive", "events:StartReplay"), [arn.archive(self, bus)])
        yield self._allow("ArchivedBus", ("events:StartReplay",), [arn.bus(self, bus)])
        yield self._allow("Subscribers", ("events:DescribeRule",), rules)
        yield self._allow("Replays", ON_REPLAYS, [arn.replay(self, names.replay(stage, RUNS))])
        yield self._allow("EveryReplay", ("events:ListReplays",), ["*"])

    def _schedules(self) -> Iterator[iam.PolicyStatement]:
        """Where the stage has schedules, or had before their integration was retired: to see, pause, resume and cancel.

        An update says every field anew, the role too, so it takes the permission to pass that.
        https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html
        """
        recurring = {*self._topology.scheduled()} - {PLAN_COMMAND}
        delays = any(self._topology.delayed())
        if delays:
            plans = arn.schedules(self, names.resource(self._settings.stage, names.PLANS))
            yield self._allow("Plans", ("scheduler:GetSchedule",), [plans])
        if delays or recurring:
            yield self._allow("EverySchedule", ("scheduler:ListSchedules",), ["*"])
        if not recurring:
            return
        group = names.resource(self._settings.stage, names.SCHEDULES)
        role = arn.role(self, names.regional(self._settings.stage, names.SCHEDULES, self.region))
        yield self._allow("Schedules", ON_SCHEDULES, [arn.schedules(self, group)])
        yield iam.PolicyStatement(
            sid="ScheduleRole",
            actions=["iam:PassRole"],
            resources=[role],
            conditions={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
        )

    def _log_groups(self) -> list[str]:
        stage = self._settings.stage
        functions = [names.log_group(stage, consumer.function) for consumer in self._topology.consumers]
        return [*functions, names.api_log_group(stage)] if self._topology.consumers else []

    def _allow(self, sid: str, actions: tuple[str, ...], resources: list[str]) -> iam.PolicyStatement:
        return iam.PolicyStatement(sid=sid, actions=list(actions), resources=resources)
