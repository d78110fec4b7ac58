"""A Lambda function that takes messages from its queue, and the role that may do exactly what it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions.contracts.envelope import PROBE, full_source
from functions.contracts.environment import ConsumerVariables, secret_variable, table_variable
from functions.contracts.limit import TABLE
from functions.contracts.pause import PAUSE_CONSUMER
from stacks import limits, names, network
from stacks.bundle.python_code import PythonCode
from stacks.entry import Consumer
from stacks.grants import filled
from stacks.parts import arn
from stacks.parts.acknowledged import acknowledge
from stacks.parts.customer_key import key_grant
from stacks.parts.python_function import PythonFunction
from stacks.parts.work_queue import WorkQueue
from stacks.settings import Settings


class More(NamedTuple):
    """What a consumer is told and may do beyond what its entry says of itself."""

    environment: Mapping[str, str] = {}
    statements: Sequence[iam.PolicyStatement] = ()

    def and_(self, other: More) -> More:
        """Both together."""
        return More({**self.environment, **other.environment}, [*self.statements, *other.statements])

    def and_told(self, **environment: str | None) -> More:
        """The same with further variables, but for those that are None."""
        told = {name: value for name, value in environment.items() if value is not None}
        return More({**self.environment, **told}, self.statements)


class QueueConsumer(PythonFunction):
    """The function of `module`, fed in batches by its queue.

    It always reports partial failures (`ReportBatchItemFailures`): a message that fails comes back alone, the rest of
    its batch is done. It `skips` if a schedule feeds it whose runs must not overlap.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        entry: Consumer,
        queue: WorkQueue,
        code: PythonCode,
        module: str,
        settings: Settings,
        skips: bool = False,
        more: More | None = None,
    ) -> None:
        more = more or More()
        super().__init__(
            scope,
            entry.function,
            description=f"Takes messages from {queue.name}.",
            code=code,
            settings=settings,
            timeout=entry.timeout,
            memory=entry.memory,
            environment={**_environment(entry, queue, settings, skips=skips), **more.environment},
            statements=[*_statements(entry, queue, settings, skips=skips), *more.statements],
            inside=network.runs_inside(entry, settings),
            module=module,
        )
        _acknowledge_grants(self.policy, entry, settings)
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
        mapping.node.add_dependency(self.policy)
        acknowledge(mapping, "Serverless-LambdaEventSourceMappingDestination")


def _environment(entry: Consumer, queue: WorkQueue, settings: Settings, *, skips: bool) -> dict[str, str]:
    def name(word: str) -> str:
        return names.resource(settings.stage, word)

    told = ConsumerVariables(
        project=names.PROJECT,
        stage=settings.stage,
        service=entry.function,
        log_level=settings.log_level,
        queue_url=queue.queue.queue_url,
        receives=limits.attempts(queue.entry, entry),
        retention=queue.entry.retention,
        backoff_base=queue.entry.backoff_base,
        backoff_cap=queue.entry.backoff_cap,
        on_poison=queue.entry.on_poison,
        failures_table=name(names.FAILURES),
        parked_table=name(names.PARKED) if queue.entry.on_poison == "park" else None,
        pause_queue_url=arn.queue_url(queue, names.queue(settings.stage, PAUSE_CONSUMER, fifo=True)),
        once_table=name(names.ONCE) if entry.sends_email else None,
        bus_name=name(names.BUS) if entry.publishes else None,
        email_from=settings.email_sender if entry.sends_email else None,
        previous_secret=settings.previous_secret if entry.secrets else None,
        limits=limits.variable(entry),
        aws_client=settings.by_botocore,
    )
    used = [access.table for access in entry.access]
    used += [names.SCHEDULE_RUNS] if skips else []
    used += [TABLE] if entry.limits else []
    tables = {table_variable(table): name(table) for table in used}
    secrets = {secret_variable(word): name(word) for word in entry.secrets}
    return told.variables() | tables | secrets


def _statements(entry: Consumer, queue: WorkQueue, settings: Settings, *, skips: bool) -> list[iam.PolicyStatement]:
    """What the function may do beside writing its log and traces, one statement a kind of resource."""

    def table(name: str) -> str:
        return arn.table(queue, names.resource(settings.stage, name))

    sender = settings.email_sender
    grants: list[tuple[list[str], list[str]]] = [
        (
            [f"sqs:{action}" for action in _QUEUE_ACTIONS],
            [queue.queue.queue_arn],
        ),
        (["dynamodb:UpdateItem"], [table(names.FAILURES)]),
        (["sqs:SendMessage"], [arn.queue(queue, names.queue(settings.stage, PAUSE_CONSUMER, fifo=True))]),
    ]
    grants += [([f"dynamodb:{action}" for action in use.actions], [table(use.table)]) for use in entry.access]
    if skips:
        grants.append((["dynamodb:UpdateItem"], [table(names.SCHEDULE_RUNS)]))
    if queue.entry.on_poison == "park":
        grants.append(([f"dynamodb:{action}" for action in _PARKING_ACTIONS], [table(names.PARKED)]))
    if entry.limits:
        grants.append(([f"dynamodb:{action}" for action in _LIMITING_ACTIONS], [table(TABLE)]))
        if not queue.entry.fifo:
            # What waits long goes on as a copy.
            grants.append((["sqs:SendMessage"], [queue.queue.queue_arn]))
    secrets = [arn.secret(queue, names.resource(settings.stage, word)) for word in entry.secrets]
    if secrets:
        grants.append((["secretsmanager:GetSecretValue"], secrets))
    if entry.sends_email:
        grants.append(([f"dynamodb:{action}" for action in _ONCE_ACTIONS], [table(names.ONCE)]))
        identities = [arn.identity(queue, sender), arn.identity(queue, sender.partition("@")[2])]
        grants.append((["ses:SendEmail"], identities))
    stack = Stack.of(queue)
    here = {"partition": stack.partition, "region": stack.region, "account": stack.account}
    grants += [
        (list(grant.actions), [filled(each, stage=settings.stage, **here) for each in grant.resources])
        for grant in entry.grants
    ]
    return [
        *(iam.PolicyStatement(actions=actions, resources=resources) for actions, resources in grants),
        *_publishing(entry, arn.bus(queue, names.resource(settings.stage, names.BUS))),
        *key_grant(settings, "kms:Decrypt", "kms:GenerateDataKey"),
    ]


def _publishing(entry: Consumer, bus: str) -> Iterator[iam.PolicyStatement]:
    """No event but its own, and what the probe offers to the bus: nobody tells what another function has to tell.

    One request has several entries, so each key has several values.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    if entry.publishes:
        sources = {full_source(event.source, names.PROJECT) for event in entry.publishes}
        told = {
            "events:source": sorted({PROBE, *sources}),
            "events:detail-type": sorted({PROBE, *(event.__name__ for event in entry.publishes)}),
        }
        yield iam.PolicyStatement(
            actions=["events:PutEvents"], resources=[bus], conditions={"ForAllValues:StringEquals": told}
        )


def _acknowledge_grants(policy: iam.Policy, entry: Consumer, settings: Settings) -> None:
    """Keep nag's findings about the wildcards in names that the map itself writes."""
    here = {"partition": "<AWS::Partition>", "region": "<AWS::Region>", "account": "<AWS::AccountId>"}
    for grant in entry.grants:
        for resource in grant.resources:
            if "*" in resource:
                name = filled(resource, stage=settings.stage, **here)
                because = f"The map grants {', '.join(grant.actions)} on it to {entry.function}, whichever there are."
                acknowledge(policy, f"AwsSolutions-IAM5[Resource::{name}]", because=because)


# What Lambda needs to poll, and the runtime to set a message's time of return.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
_QUEUE_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
# What it takes to read the places of a group, and to take and to give up one.
_PARKING_ACTIONS = ("BatchGetItem", "UpdateItem")
# What it takes to take a slot or a place, and to read what a message has waited with.
_LIMITING_ACTIONS = ("BatchGetItem", "UpdateItem")
# What Powertools' idempotency store does. It reads nothing: what stands in its way comes with the refused PutItem.
_ONCE_ACTIONS = ("PutItem", "UpdateItem", "DeleteItem")
