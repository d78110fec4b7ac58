"""What pauses consumers while a service is away: its queue, its function, and what that may do."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.contracts.environment import DEAD_LETTER_RETENTION, FUNCTION, PauseVariables
from functions.contracts.pause import PAUSE_CONSUMER
from stacks import names, network
from stacks.bundle import build
from stacks.bundle.python_code import PythonCode
from stacks.parts import arn
from stacks.parts.acknowledged import MAPPINGS, OUR_FUNCTIONS, acknowledge
from stacks.parts.customer_key import customer_key, key_grant, of_queue
from stacks.parts.python_function import PythonFunction
from stacks.parts.retention import removal_policy
from stacks.settings import Settings

TIMEOUT = 21
"""Seconds of one batch: to ask a consumer that hangs, to switch it while Lambda hangs, and a fifth to say so.

Short, because a consumer that is paused waits six times as long if its worker dies."""
VISIBILITY = 6 * TIMEOUT
"""Seconds for which a message is hidden, by the rule that holds for every queue."""
_WITHOUT_END = (
    "Its messages hold consumers that are paused for as long as a service is away; moved on, they would leave them "
    "paused for ever. The alarm 'paused' tells that they are there."
)


class PauseConsumer(Construct):
    """A FIFO queue with a group for each consumer, without a dead-letter queue, and the function that it feeds.

    It may ask every function of the stage but the one that checks tokens, and switch their event source mappings, and
    no other stage's. A message waits for as long as SQS keeps any.
    """

    def __init__(self, scope: Construct, *, settings: Settings) -> None:
        super().__init__(scope, PAUSE_CONSUMER)
        queue = sqs.Queue(
            self,
            "Queue",
            queue_name=names.queue(settings.stage, PAUSE_CONSUMER, fifo=True),
            fifo=True,
            content_based_deduplication=False,
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
            retention_period=Duration.seconds(DEAD_LETTER_RETENTION),
            visibility_timeout=Duration.seconds(VISIBILITY),
            enforce_ssl=True,
            removal_policy=removal_policy(settings),
            **of_queue(customer_key(self, settings)),
        )
        acknowledge(queue, "AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy", because=_WITHOUT_END)
        consumers = arn.function(self, names.resource(settings.stage, "*"))
        others = arn.function(self, names.resource(settings.stage, "*-*"))
        authorizer = arn.function(self, names.resource(settings.stage, names.AUTHORIZER))
        mappings = Stack.of(self).format_arn(
            service="lambda",
            resource="event-source-mapping",
            resource_name="*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        function = PythonFunction(
            self,
            PAUSE_CONSUMER,
            description="Pauses consumers while a service is away.",
            code=PythonCode(self, settings=settings, package=build.FUNCTIONS.name, name=PAUSE_CONSUMER),
            settings=settings,
            timeout=TIMEOUT,
            memory=256,
            inside=network.pauser_runs_inside(settings),
            environment=PauseVariables(
                project=names.PROJECT,
                stage=settings.stage,
                pause_queue_url=queue.queue_url,
                consumer=names.resource(settings.stage, FUNCTION),
                log_level=settings.log_level,
                aws_client=settings.by_botocore,
            ).variables(),
            statements=[
                iam.PolicyStatement(actions=[f"sqs:{each}" for each in _QUEUE_ACTIONS], resources=[queue.queue_arn]),
                iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[consumers]),
                iam.PolicyStatement(actions=["lambda:ListEventSourceMappings"], resources=["*"]),
                # https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html
                iam.PolicyStatement(
                    actions=["lambda:UpdateEventSourceMapping"],
                    resources=[mappings],
                    conditions={"ArnLike": {"lambda:FunctionArn": consumers}},
                ),
                # The name of a function has no hyphen, so whose has one is of a stage whose name goes on after ours.
                iam.PolicyStatement(
                    effect=iam.Effect.DENY, actions=["lambda:InvokeFunction"], resources=[others, authorizer]
                ),
                iam.PolicyStatement(
                    effect=iam.Effect.DENY,
                    actions=["lambda:UpdateEventSourceMapping"],
                    resources=[mappings],
                    conditions={"ArnLike": {"lambda:FunctionArn": others}},
                ),
                *key_grant(settings, "kms:Decrypt", "kms:GenerateDataKey"),
            ],
        )
        acknowledge(function.policy, OUR_FUNCTIONS, names=[names.resource(settings.stage, "*")])
        acknowledge(function.policy, MAPPINGS)
        mapping = lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=function.function,
            event_source_arn=queue.queue_arn,
            batch_size=10,
            report_batch_item_failures=True,
        )
        mapping.node.add_dependency(function.policy)
        acknowledge(mapping, "Serverless-LambdaEventSourceMappingDestination")


# What Lambda needs to poll, and the function to hide messages and to send to itself.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
_QUEUE_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility", "SendMessage")
