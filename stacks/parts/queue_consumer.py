"""A Lambda function that takes messages from its queue, and the role that may do exactly what it does."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks import names
from stacks.entry import Consumer
from stacks.parts import arn
from stacks.parts.acknowledged import acknowledge
from stacks.parts.customer_key import leave
from stacks.parts.function_role import FunctionRole
from stacks.parts.log_group import LogGroup
from stacks.parts.python_code import PythonCode
from stacks.parts.work_queue import WorkQueue
from stacks.settings import Settings


class QueueConsumer(Construct):
    """The function `functions/<name>`, fed in batches by its queue.

    It always reports partial failures (`ReportBatchItemFailures`): a message that fails comes back alone, the rest of
    its batch is done.
    """

    def __init__(
        self, scope: Construct, *, entry: Consumer, queue: WorkQueue, code: PythonCode, settings: Settings
    ) -> None:
        super().__init__(scope, entry.function)
        name = names.resource(settings.stage, entry.function)
        log_group = LogGroup(self, "Logs", name=f"/aws/lambda/{name}", settings=settings)
        access = FunctionRole(
            self, name=name, log_group=log_group, statements=_statements(self, entry, queue, settings)
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=f"Takes messages from {queue.name}.",
            handler=f"functions.{entry.function}.handler.handler",
            code=code.code,
            layers=[code.layer],
            runtime=code.runtime,
            architecture=code.architecture,
            role=access.role,
            timeout=Duration.seconds(entry.timeout),
            memory_size=entry.memory,
            environment=_environment(entry, queue, settings),
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            # Our log filters by LOG_LEVEL; Lambda's filter above INFO would drop metrics, which have no level.
            # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
            application_log_level_v2=lambda_.ApplicationLogLevel.DEBUG
            if settings.log_level == "DEBUG"
            else lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.INFO,
            tracing=lambda_.Tracing.ACTIVE,
        )
        mapping = lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.function,
            event_source_arn=queue.queue.queue_arn,
            batch_size=entry.batch,
            max_batching_window=Duration.seconds(entry.window) if entry.window else None,
            max_concurrency=entry.concurrency,
            report_batch_item_failures=True,
        )
        mapping.node.add_dependency(access.policy)
        acknowledge(self.function, "AwsSolutions-L1", "Serverless-LambdaLatestVersion", "Serverless-LambdaDLQ")
        acknowledge(mapping, "Serverless-LambdaEventSourceMappingDestination")


def _environment(entry: Consumer, queue: WorkQueue, settings: Settings) -> dict[str, str]:
    stage = settings.stage
    environment = {
        "STAGE": stage,
        "QUEUE_URL": queue.queue.queue_url,
        "RECEIVES": str(queue.entry.receives),
        "RETENTION": str(queue.entry.retention),
        "FIFO": str(int(queue.entry.fifo)),
        "BACKOFF_BASE": str(queue.entry.backoff_base),
        "BACKOFF_CAP": str(queue.entry.backoff_cap),
        "ON_POISON": queue.entry.on_poison,
        "FAILURES_TABLE": names.resource(stage, "failures"),
        "POWERTOOLS_SERVICE_NAME": entry.function,
        "POWERTOOLS_METRICS_NAMESPACE": names.PROJECT.title(),
        "LOG_LEVEL": settings.log_level,
    }
    environment |= {f"TABLE_{access.table.upper()}": names.resource(stage, access.table) for access in entry.access}
    environment |= {f"SECRET_{word.upper()}": names.resource(stage, word) for word in entry.secrets}
    if entry.publishes:
        environment["BUS_NAME"] = names.resource(stage, "events")
    if entry.sends_email:
        environment |= {"EMAIL_FROM": settings.email_sender, "ONCE_TABLE": names.resource(stage, "once")}
    return environment


def _statements(scope: Construct, entry: Consumer, queue: WorkQueue, settings: Settings) -> list[iam.PolicyStatement]:
    """What the function may do beside writing its log and traces, one statement a kind of resource."""

    def table(name: str) -> str:
        return arn.table(scope, names.resource(settings.stage, name))

    sender = settings.email_sender
    grants: list[tuple[list[str], list[str]]] = [
        (
            [f"sqs:{action}" for action in _QUEUE_ACTIONS],
            [queue.queue.queue_arn],
        ),
        (["dynamodb:BatchWriteItem"], [table("failures")]),
    ]
    grants += [([f"dynamodb:{action}" for action in use.actions], [table(use.table)]) for use in entry.access]
    secrets = [arn.secret(scope, names.resource(settings.stage, word)) for word in entry.secrets]
    if secrets:
        grants.append((["secretsmanager:GetSecretValue"], secrets))
    if entry.publishes:
        grants.append((["events:PutEvents"], [arn.bus(scope, names.resource(settings.stage, "events"))]))
    if entry.sends_email:
        grants.append(([f"dynamodb:{action}" for action in _ONCE_ACTIONS], [table("once")]))
        identities = [arn.identity(scope, sender), arn.identity(scope, sender.partition("@")[2])]
        grants.append((["ses:SendEmail"], identities))
    return [
        *(iam.PolicyStatement(actions=actions, resources=resources) for actions, resources in grants),
        *leave(settings, "kms:Decrypt"),
    ]


# What Lambda needs to poll, and the runtime to set a message's time of return.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
_QUEUE_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
# What Powertools' idempotency store does.
_ONCE_ACTIONS = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")
