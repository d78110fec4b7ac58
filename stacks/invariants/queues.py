"""Rules for queues and their dead-letter queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from functions.contracts.pause import PAUSE_CONSUMER
from stacks.invariants.assembly import Assembly, Resource, listed, text
from stacks.invariants.conditions import is_anyone, is_unsourced
from stacks.invariants.policies import of_resources
from stacks.invariants.rule import Finding, rule

QUEUE, MAPPING = "AWS::SQS::Queue", "AWS::Lambda::EventSourceMapping"
POLICIES = ("AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy")
GUIDE = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"
DAY = 24 * 60 * 60
FOREVER = 4 * DAY  # SQS's own retention where a template gives none


def redrive(assembly: Assembly) -> Iterator[tuple[Resource, Mapping[str, Any], Resource | None]]:
    """Every queue with a redrive policy: the queue, the policy and its dead-letter queue, if the templates have it."""
    for queue in assembly.of(QUEUE):
        policy = queue.properties.get("RedrivePolicy")
        if policy:
            yield queue, policy, assembly.target(queue, policy.get("deadLetterTargetArn"), QUEUE)


@rule(fix="Give the queue a redrive policy.", source=f"{GUIDE}/sqs-dead-letter-queues.html")
def dead_letter_queue(assembly: Assembly) -> Iterator[Finding]:
    """Every queue that a function consumes has a dead-letter queue, but the one that holds paused consumers."""
    for mapping in assembly.of(MAPPING):
        queue = assembly.target(mapping, mapping.properties.get("EventSourceArn"), QUEUE)
        if queue is None or queue.kind != QUEUE or queue.properties.get("RedrivePolicy"):
            continue
        # No other queue can end so: the topology lets nobody have the word.
        if not (queue.name or "").endswith(f"-{PAUSE_CONSUMER}.fifo"):
            yield queue, "it has none"


@rule(fix="Set maxReceiveCount to 3 or more.", source="https://docs.aws.amazon.com/lambda/latest/dg/sqs-retries.html")
def receives(assembly: Assembly) -> Iterator[Finding]:
    """A message is received at least three times before it counts as dead."""
    for queue, policy, _ in redrive(assembly):
        count = int(policy.get("maxReceiveCount", 0))
        if count < 3:
            yield queue, f"maxReceiveCount is {count}"


@rule(
    fix="Make both FIFO or both standard.",
    source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html",
)
def dead_letter_type(assembly: Assembly) -> Iterator[Finding]:
    """A dead-letter queue is of the same type as its queue."""
    for queue, _, dead in redrive(assembly):
        if dead is not None and bool(dead.properties.get("FifoQueue")) != bool(queue.properties.get("FifoQueue")):
            yield queue, f"one of it and {dead.logical_id} is FIFO, the other is not"


@rule(
    fix="Set the dead-letter queue's MessageRetentionPeriod above the queue's.",
    source=f"{GUIDE}/setting-up-dead-letter-queue-retention.html",
)
def dead_letter_retention(assembly: Assembly) -> Iterator[Finding]:
    """A dead-letter queue keeps messages longer than its queue, because their age moves with them."""
    for queue, _, dead in redrive(assembly):
        if dead is not None:
            kept, waits = (int(each.properties.get("MessageRetentionPeriod", FOREVER)) for each in (dead, queue))
            if kept <= waits:
                yield dead, f"it keeps {kept} s and the queue {waits} s"


@rule(
    fix="Set RedriveAllowPolicy to byQueue with the queue's ARN.",
    source=f"{GUIDE}/sqs-configure-dead-letter-queue.html",
)
def redrive_allow(assembly: Assembly) -> Iterator[Finding]:
    """A dead-letter queue names the queues that may use it."""
    for _, _, dead in redrive(assembly):
        if dead is not None:
            allowed = (dead.properties.get("RedriveAllowPolicy") or {}).get("redrivePermission", "allowAll")
            if allowed != "byQueue":
                yield dead, f"its redrive permission is {allowed}"


@rule(
    fix="Use SQS's own keys (SqsManagedSseEnabled) or a customer key (KmsMasterKeyId).",
    source=f"{GUIDE}/sqs-key-management.html",
)
def queue_encryption(assembly: Assembly) -> Iterator[Finding]:
    """Every queue is encrypted, and never with alias/aws/sqs, which no service can be granted."""
    for queue in assembly.of(QUEUE):
        key = queue.properties.get("KmsMasterKeyId")
        if key is None and queue.properties.get("SqsManagedSseEnabled") is not True:
            yield queue, "it names no encryption"
        elif key is not None and "alias/aws/sqs" in text(key):
            yield queue, "its key is alias/aws/sqs"


@rule(
    fix="Deny sqs:* to everyone where aws:SecureTransport is false.",
    source=f"{GUIDE}/sqs-security-best-practices.html",
)
def queue_tls(assembly: Assembly) -> Iterator[Finding]:
    """Every queue refuses requests without TLS."""
    for queue in assembly.of(QUEUE):
        if not any(map(_refuses_plain, policy(assembly, queue))):
            yield queue, "its policy denies no plain HTTP"


def _refuses_plain(statement: Mapping[str, Any]) -> bool:
    """Whether it refuses everybody everything without TLS, whatever else there is."""
    condition = statement.get("Condition") or {}
    return (
        statement.get("Effect") == "Deny"
        and is_anyone(statement.get("Principal"))
        and bool({"sqs:*", "*"} & set(map(text, listed(statement.get("Action")))))
        and condition.keys() == {"Bool"}
        and condition["Bool"].keys() == {"aws:SecureTransport"}
        and text(condition["Bool"]["aws:SecureTransport"]).lower() == "false"
    )


@rule(
    fix="Condition the statement on aws:SourceArn and aws:SourceAccount, or name the principal.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
)
def queue_policy(assembly: Assembly) -> Iterator[Finding]:
    """No queue lets a service or everyone in without saying for which source and account."""
    for held in of_resources(assembly, *POLICIES):
        if is_unsourced(held.statement):
            queue = assembly.target(held.holder, held.of, QUEUE)
            said = f"{text(held.statement.get('Principal'))} may {text(held.statement.get('Action'))}"
            yield queue or held.holder, said


def policy(assembly: Assembly, queue: Resource) -> list[Mapping[str, Any]]:
    """The statements of the policies of that queue."""
    return [
        held.statement
        for held in of_resources(assembly, *POLICIES)
        if assembly.target(held.holder, held.of, QUEUE) is queue
    ]


RULES = (
    dead_letter_queue,
    receives,
    dead_letter_type,
    dead_letter_retention,
    redrive_allow,
    queue_encryption,
    queue_tls,
    queue_policy,
)
