"""A queue that work waits in, and the dead-letter queue where it is once it has failed."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions.contracts.environment import DEAD_LETTER_RETENTION
from stacks import limits, names
from stacks.entry import Consumer, Queue
from stacks.parts import arn
from stacks.parts.acknowledged import acknowledge
from stacks.parts.customer_key import customer_key, of_queue
from stacks.parts.retention import removal_policy
from stacks.settings import Settings


class WorkQueue(Construct):
    """An encrypted queue that takes TLS only, with a dead-letter queue of the same type that serves it alone.

    `name` and `arn` are known without a reference, so that another stack can use them. A message is hidden for six
    times the consumer's timeout plus its batch window, so that a throttled batch can be attempted again, as AWS asks
    (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html). A FIFO queue is of the high-throughput
    kind: its duplicates are found per message group. Where the consumer has limits, a message may be received more
    often than it is attempted: the runtime counts what it waited with.
    """

    def __init__(self, scope: Construct, *, entry: Queue, consumer: Consumer, settings: Settings) -> None:
        super().__init__(scope, f"{entry.name}-queue")
        self.entry = entry
        self.name = names.queue(settings.stage, entry.name, fifo=entry.fifo)
        self.arn = arn.queue(self, self.name)
        key = customer_key(self, settings)
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=names.dead_letter_queue(settings.stage, entry.name, fifo=entry.fifo),
            retention_period=Duration.seconds(DEAD_LETTER_RETENTION),
            # By name: a reference would make the two queues wait for each other.
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                source_queues=[
                    sqs.Queue.from_queue_attributes(self, "Source", queue_arn=self.arn, fifo=entry.fifo or None)
                ]
            ),
            **_kind(entry, settings, key),
        )
        acknowledge(self.dead_letter_queue, "Serverless-SQSRedrivePolicy")
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=self.name,
            retention_period=Duration.seconds(entry.retention),
            visibility_timeout=Duration.seconds(6 * consumer.timeout + consumer.window),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=limits.receives(entry, consumer)
            ),
            **_kind(entry, settings, key),
        )


def _kind(entry: Queue, settings: Settings, key: kms.IKey | None) -> dict[str, Any]:
    high_throughput = {
        "fifo": True,
        "content_based_deduplication": False,
        "deduplication_scope": sqs.DeduplicationScope.MESSAGE_GROUP,
        "fifo_throughput_limit": sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
    }
    return {
        **of_queue(key),
        "enforce_ssl": True,
        "removal_policy": removal_policy(settings),
        **(high_throughput if entry.fifo else {}),
    }
