"""Rules for functions and the mappings that feed them from queues."""

from __future__ import annotations

import re
from collections.abc import Iterator

from functions.contracts.environment import variable
from stacks.invariants.assembly import Assembly, Resource, text
from stacks.invariants.queues import FOREVER, MAPPING, QUEUE
from stacks.invariants.rule import Finding, rule

FUNCTION, LOG_GROUP = "AWS::Lambda::Function", "AWS::Logs::LogGroup"
GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg"


def fed(assembly: Assembly) -> Iterator[tuple[Resource, Resource | None, Resource | None]]:
    """Every mapping from a queue: the mapping, the queue and the function, where the templates have them."""
    for mapping in assembly.of(MAPPING):
        origin = mapping.properties.get("EventSourceArn")
        queue = assembly.target(mapping, origin, QUEUE)
        if (queue is not None and queue.kind == QUEUE) or ":sqs:" in text(origin):
            yield mapping, queue, assembly.target(mapping, mapping.properties.get("FunctionName"), FUNCTION)


@rule(
    fix="Set FunctionResponseTypes to [ReportBatchItemFailures].",
    source=f"{GUIDE}/services-sqs-errorhandling.html",
)
def partial_failures(assembly: Assembly) -> Iterator[Finding]:
    """Every mapping from a queue reports partial failures, so that one bad message does not repeat its batch."""
    for mapping, _, _ in fed(assembly):
        if "ReportBatchItemFailures" not in mapping.properties.get("FunctionResponseTypes", []):
            yield mapping, "it does not"


@rule(
    fix="Raise the queue's VisibilityTimeout or lower the function's Timeout.",
    source=f"{GUIDE}/services-sqs-configure.html",
)
def visibility(assembly: Assembly) -> Iterator[Finding]:
    """A message stays hidden for at least six times the function's timeout plus the batch window."""
    for mapping, queue, function in fed(assembly):
        if queue is not None and function is not None:
            window = int(mapping.properties.get("MaximumBatchingWindowInSeconds", 0))
            needed = 6 * int(function.properties.get("Timeout", 3)) + window
            hidden = int(queue.properties.get("VisibilityTimeout", 30))
            if hidden < needed:
                yield queue, f"it is hidden for {hidden} s where {needed} s are needed"


@rule(
    fix="Lower maxReceiveCount, the visibility timeout or BACKOFF_CAP, or raise the queue's retention.",
    source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html",
)
def retries_fit_retention(assembly: Assembly) -> Iterator[Finding]:
    """All receives of a message, with the longest wait after each, fit into the queue's retention."""
    for _, queue, function in fed(assembly):
        if queue is not None and function is not None:
            count = int((queue.properties.get("RedrivePolicy") or {}).get("maxReceiveCount", 0))
            environment = function.properties.get("Environment", {}).get("Variables", {})
            # Where a limit takes more receives for waiting, its attempts are what must fit.
            count = min(count, int(environment.get(variable("receives"), count)))
            if environment.get(variable("on_poison")) == "halt":
                continue  # it is attempted until nine tenths of the retention are over, however often that is
            wait = max(
                int(queue.properties.get("VisibilityTimeout", 30)), int(environment.get(variable("backoff_cap"), 0))
            )
            kept = int(queue.properties.get("MessageRetentionPeriod", FOREVER))
            if count * wait >= kept:
                yield queue, f"{count} receives may take {count * wait} s and it keeps {kept} s"


@rule(fix="Set MaximumBatchingWindowInSeconds to 1 or more.", source=f"{GUIDE}/services-sqs-parameters.html")
def large_batch_window(assembly: Assembly) -> Iterator[Finding]:
    """A batch of more than ten messages has a batch window."""
    for mapping, _, _ in fed(assembly):
        size = int(mapping.properties.get("BatchSize", 10))
        if size > 10 and not int(mapping.properties.get("MaximumBatchingWindowInSeconds", 0)):
            yield mapping, f"a batch of {size} has none"


@rule(fix="Remove MaximumBatchingWindowInSeconds.", source=f"{GUIDE}/services-sqs-parameters.html")
def fifo_window(assembly: Assembly) -> Iterator[Finding]:
    """A mapping from a FIFO queue has no batch window."""
    for mapping, queue, _ in fed(assembly):
        window = int(mapping.properties.get("MaximumBatchingWindowInSeconds", 0))
        if queue is not None and queue.properties.get("FifoQueue") and window:
            yield mapping, f"its window is {window} s"


@rule(
    fix="Raise ReservedConcurrentExecutions or lower MaximumConcurrency.",
    source=f"{GUIDE}/services-sqs-scaling.html",
)
def reserved_concurrency(assembly: Assembly) -> Iterator[Finding]:
    """A function's reserved concurrency holds what its mappings may use together, so that none is throttled."""
    for function in assembly.of(FUNCTION):
        reserved = function.properties.get("ReservedConcurrentExecutions")
        together = sum(
            int(mapping.properties.get("ScalingConfig", {}).get("MaximumConcurrency", 0))
            for mapping, _, consumer in fed(assembly)
            if consumer is function
        )
        if reserved is not None and int(reserved) < together:
            yield function, f"it has {reserved} and its mappings may use {together}"


@rule(fix="Remove ScalingConfig or ProvisionedPollerConfig.", source=f"{GUIDE}/services-sqs-scaling.html")
def provisioned_pollers(assembly: Assembly) -> Iterator[Finding]:
    """A mapping has a maximum concurrency or provisioned pollers, never both."""
    for mapping, _, _ in fed(assembly):
        if mapping.properties.get("ScalingConfig") and mapping.properties.get("ProvisionedPollerConfig"):
            yield mapping, "it has both"


@rule(
    fix="Remove FilterCriteria; let the function decide, or filter at the rule.",
    source=f"{GUIDE}/with-sqs-filtering.html",
)
def no_filter(assembly: Assembly) -> Iterator[Finding]:
    """No mapping from a queue filters, because Lambda deletes what a filter refuses."""
    for mapping, _, _ in fed(assembly):
        if mapping.properties.get("FilterCriteria"):
            yield mapping, "it does"


@rule(
    fix="Remove POWERTOOLS_IDEMPOTENCY_DISABLED from the function's environment.",
    source="https://docs.powertools.aws.dev/lambda/python/latest/utilities/idempotency/",
)
def idempotency(assembly: Assembly) -> Iterator[Finding]:
    """No function runs with idempotency turned off."""
    for function in assembly.of(FUNCTION):
        if "POWERTOOLS_IDEMPOTENCY_DISABLED" in function.properties.get("Environment", {}).get("Variables", {}):
            yield function, "it sets POWERTOOLS_IDEMPOTENCY_DISABLED"


@rule(
    fix="Give the function the secret's name and a grant to read it; it reads the value when it needs it.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html",
)
def secret_in_environment(assembly: Assembly) -> Iterator[Finding]:
    """No function's environment holds a secret, because everyone who may look at the function may read it."""
    for function in assembly.of(FUNCTION):
        for name, value in function.properties.get("Environment", {}).get("Variables", {}).items():
            if re.search(r"\{\{resolve:(secretsmanager|ssm-secure):", text(value)):
                yield function, f"{name} does"


@rule(
    fix="Give the function a LogGroup of its own through LoggingConfig.",
    source=f"{GUIDE}/monitoring-cloudwatchlogs-loggroups.html",
)
def function_logs(assembly: Assembly) -> Iterator[Finding]:
    """Every function writes to a log group of the templates, never to one that Lambda makes and keeps for ever."""
    for function in assembly.of(FUNCTION):
        group = function.properties.get("LoggingConfig", {}).get("LogGroup")
        if group is None or assembly.target(function, group, LOG_GROUP) is None:
            yield function, "it names none"


@rule(
    fix="Set RetentionInDays.",
    source="https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html",
)
def log_retention(assembly: Assembly) -> Iterator[Finding]:
    """Every log group says how many days it keeps its lines."""
    for group in assembly.of(LOG_GROUP):
        if not group.properties.get("RetentionInDays"):
            yield group, "it keeps them for ever"


RULES = (
    partial_failures,
    visibility,
    retries_fit_retention,
    large_batch_window,
    fifo_window,
    reserved_concurrency,
    provisioned_pollers,
    no_filter,
    idempotency,
    secret_in_environment,
    function_logs,
    log_retention,
)
