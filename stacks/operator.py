"""Who brings dead letters home: a role that may do exactly what `python -m ops` does, and assumes nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import names
from stacks.entry import Topology
from stacks.parts import arn
from stacks.parts.acknowledged import LOG_STREAMS, acknowledge
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
ON_WORK = ("sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl")


class Operator(StageStack):
    """The role of the person on call; anyone of the account to whom IAM gives leave may take it."""

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "operator", settings=settings, description="Headrace: who brings dead letters home.")
        self._settings = settings
        self._topology = topology
        name = names.resource(settings.stage, "operator")
        role = iam.Role(
            self,
            "Role",
            role_name=name,
            description=f"What {name} may do.",
            assumed_by=iam.AccountRootPrincipal(),
            max_session_duration=Duration.hours(4),
        )
        for statement in self._statements():
            role.add_to_principal_policy(statement)
        acknowledge(role, "AwsSolutions-IAM5[Resource::*]")
        acknowledge(role, LOG_STREAMS, names=self._log_groups())
        CfnOutput(self, "RoleArn", value=role.role_arn, description="To be taken before python -m ops.")

    def _statements(self) -> Iterator[iam.PolicyStatement]:
        stage = self._settings.stage
        queues = self._topology.queues
        work = [names.queue(stage, queue.name, fifo=queue.fifo) for queue in queues]
        dead = [names.dead_letter_queue(stage, queue.name, fifo=queue.fifo) for queue in queues]
        fed = dict.fromkeys(subscription.queue for subscription in self._topology.subscriptions)
        dead += [names.target_dead_letter_queue(stage, queue) for queue in fed]
        yield self._allow("DeadLetters", ON_DEAD_LETTERS, [arn.queue(self, name) for name in dead])
        yield self._allow("Queues", ON_WORK, [arn.queue(self, name) for name in work])
        yield self._allow("Causes", ("dynamodb:BatchGetItem",), [arn.table(self, names.resource(stage, "failures"))])
        audit = arn.table(self, names.resource(stage, "redrives"))
        yield self._allow("Audit", ("dynamodb:PutItem", "dynamodb:GetItem"), [audit])
        bus = names.resource(stage, "events")
        rules = [
            arn.rule(self, bus, names.rule(stage, s.queue, s.event.__name__)) for s in self._topology.subscriptions
        ]
        yield self._allow("Targets", ("events:ListTargetsByRule",), rules)
        yield self._allow("Logs", ("logs:StartQuery",), [arn.log_group(self, name) for name in self._log_groups()])
        # Neither metrics nor the answers to one's own queries are resources.
        yield self._allow("Answers", ("cloudwatch:GetMetricData", "logs:GetQueryResults", "logs:StopQuery"), ["*"])
        if self._settings.key_arn is not None:
            yield self._allow("Key", ("kms:Decrypt", "kms:GenerateDataKey"), [self._settings.key_arn])

    def _log_groups(self) -> list[str]:
        stage = self._settings.stage
        functions = [names.resource(stage, consumer.function) for consumer in self._topology.consumers]
        return [*(f"/aws/lambda/{name}" for name in functions), f"/aws/apigateway/{names.resource(stage, 'api')}"]

    def _allow(self, sid: str, actions: tuple[str, ...], resources: list[str]) -> iam.PolicyStatement:
        return iam.PolicyStatement(sid=sid, actions=list(actions), resources=resources)
