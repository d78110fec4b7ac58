"""Rules for buses, rules and their targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacks.invariants.assembly import Assembly, Resource, last_word, listed
from stacks.invariants.conditions import is_open
from stacks.invariants.policies import BUS, of_resources
from stacks.invariants.queues import QUEUE, policy
from stacks.invariants.rule import Finding, rule

GUIDE = "https://docs.aws.amazon.com/eventbridge/latest/userguide"


def targets(assembly: Assembly) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Every target of every rule."""
    for found in assembly.of("AWS::Events::Rule"):
        for target in found.properties.get("Targets", []):
            yield found, target


def _is_fifo(assembly: Assembly, origin: Resource, arn: Any) -> bool:
    queue = assembly.target(origin, arn, QUEUE)
    return bool(queue.properties.get("FifoQueue")) if queue is not None else last_word(arn).endswith(".fifo")


@rule(fix="Add DeadLetterConfig with a standard queue.", source=f"{GUIDE}/eb-rule-dlq.html")
def target_dead_letter_queue(assembly: Assembly) -> Iterator[Finding]:
    """Every target of a rule has a dead-letter queue, a standard one, because EventBridge takes no other."""
    for found, target in targets(assembly):
        dead = target.get("DeadLetterConfig", {}).get("Arn")
        if dead is None:
            yield found, f"target {target.get('Id')} has none"
        elif _is_fifo(assembly, found, dead):
            yield found, f"that of target {target.get('Id')} is FIFO"


@rule(fix="Add RetryPolicy.", source=f"{GUIDE}/eb-rule-retry-policy.html")
def target_retry(assembly: Assembly) -> Iterator[Finding]:
    """Every target of a rule says how often and how long a delivery is attempted."""
    for found, target in targets(assembly):
        if {"MaximumEventAgeInSeconds", "MaximumRetryAttempts"} - target.get("RetryPolicy", {}).keys():
            yield found, f"target {target.get('Id')} does not"


@rule(
    fix="Add SqsParameters.MessageGroupId and turn on ContentBasedDeduplication, or use a standard queue.",
    source="https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html",
)
def fifo_target(assembly: Assembly) -> Iterator[Finding]:
    """A rule that feeds a FIFO queue names a group, and the queue finds duplicates by content."""
    for found, target in targets(assembly):
        queue = assembly.target(found, target.get("Arn"), QUEUE)
        if queue is not None and queue.kind == QUEUE and queue.properties.get("FifoQueue"):
            if not target.get("SqsParameters", {}).get("MessageGroupId"):
                yield found, f"target {target.get('Id')} names no group"
            if not queue.properties.get("ContentBasedDeduplication"):
                yield queue, "it does not"


@rule(
    fix="Allow events.amazonaws.com sqs:SendMessage from the rule's ARN in the queue's policy.",
    source=f"{GUIDE}/eb-use-resource-based.html",
)
def target_permission(assembly: Assembly) -> Iterator[Finding]:
    """A queue that a rule feeds, and its dead-letter queue, let EventBridge send to them."""
    for found, target in targets(assembly):
        for arn in (target.get("Arn"), target.get("DeadLetterConfig", {}).get("Arn")):
            queue = assembly.target(found, arn, QUEUE)
            if queue is None or queue.kind != QUEUE:
                continue
            if not any(
                statement.get("Effect") == "Allow"
                and isinstance(statement.get("Principal"), Mapping)
                and "events.amazonaws.com" in listed(statement["Principal"].get("Service"))
                and "sqs:SendMessage" in listed(statement.get("Action"))
                for statement in policy(assembly, queue)
            ):
                yield queue, f"it does not, for {found.logical_id}"


@rule(
    fix="Name the account, organization or service, with conditions, in the bus's policy.",
    source=f"{GUIDE}/eb-event-bus-perms.html",
)
def bus_policy(assembly: Assembly) -> Iterator[Finding]:
    """No bus policy lets everyone publish without saying of which account or organization."""
    for held in of_resources(assembly, BUS, "AWS::Events::EventBus"):
        if is_open(held.statement):
            yield held.holder, "everyone may"


RULES = (target_dead_letter_queue, target_retry, fifo_target, target_permission, bus_policy)
