"""What the stacks give each function: its environment and its permissions. A test holds it to the templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions.contracts.envelope import PROBE, full_source
from functions.contracts.environment import (
    DAY,
    FUNCTION,
    QUEUE,
    ConsumerVariables,
    PauseVariables,
    PlanVariables,
    WorkflowVariables,
    secret_variable,
    table_variable,
)
from functions.contracts.limit import KEY, TABLE
from functions.contracts.path import path_field
from functions.contracts.pause import PAUSE_CONSUMER
from functions.contracts.plan import PLAN_COMMAND, PLANNED
from stacks import limits, names, plans, workflow
from stacks.entry import Consumer, Integration, Queue, Topology

STAGE = "simulated"
SENDER = "house@example.com"
ACCOUNT = "000000000000"
QUEUE_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
PARKING_ACTIONS = ("BatchGetItem", "UpdateItem")
LIMITING_ACTIONS = ("BatchGetItem", "UpdateItem")
ONCE_ACTIONS = ("PutItem", "UpdateItem", "DeleteItem")
PLAN_ACTIONS = ("CreateSchedule", "DeleteSchedule")
PAUSE_ACTIONS = ("InvokeFunction", "UpdateEventSourceMapping")
PAUSER = Consumer(function=PAUSE_CONSUMER, timeout=21)
PAUSE_QUEUE = Queue(name=PAUSE_CONSUMER, fifo=True, retention=14 * 86400)
"""What pauses the others, as if it were one of them; its queue has no dead-letter queue."""
SEND = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"


def environment(topology: Topology, consumer: Consumer) -> dict[str, str]:
    """The environment variables of the function."""
    if consumer is PAUSER:
        return PauseVariables(
            project=names.PROJECT,
            stage=STAGE,
            pause_queue_url=url(PAUSE_QUEUE),
            consumer=names.resource(STAGE, FUNCTION),
            log_level="INFO",
        ).variables()

    def name(word: str) -> str:
        return names.resource(STAGE, word)

    queue = topology.queue(consumer.function)
    integration = _integration(topology, consumer)
    takes_part = consumer.plans or integration.takes_delays(consumer.function)
    told = ConsumerVariables(
        project=names.PROJECT,
        stage=STAGE,
        service=consumer.function,
        log_level="INFO",
        queue_url=url(queue),
        receives=limits.attempts(queue, consumer),
        retention=queue.retention,
        backoff_base=queue.backoff_base,
        backoff_cap=queue.backoff_cap,
        on_poison=queue.on_poison,
        failures_table=name(names.FAILURES),
        parked_table=name(names.PARKED) if queue.on_poison == "park" else None,
        pause_queue_url=url(PAUSE_QUEUE),
        once_table=name(names.ONCE) if consumer.sends_email else None,
        bus_name=name(names.BUS) if consumer.publishes else None,
        email_from=SENDER if consumer.sends_email else None,
        previous_secret=DAY if consumer.secrets else None,
        limits=limits.variable(consumer),
        plan_queue_url=url(topology.queue(PLAN_COMMAND)) if takes_part else None,
        plans=plans.words(consumer) or None,
        death_keys=workflow.keys(consumer, topology),
    )
    follows = workflow.variable(consumer, topology)
    rule = WorkflowVariables(workflow=follows).variables() if follows else {}
    used = [use.table for use in consumer.access]
    used += [TABLE] if consumer.limits else []
    used += [PLANNED] if integration.delayed(consumer.function) else []
    used += [names.SCHEDULE_RUNS] if _skips(integration, consumer) else []
    tables = {table_variable(table): name(table) for table in used}
    secrets = {secret_variable(word): name(word) for word in consumer.secrets}
    planner = _planner(name).variables() if consumer.function == PLAN_COMMAND else {}
    return told.variables() | rule | tables | secrets | planner


def _planner(name: Callable[[str], str]) -> PlanVariables:
    """What the function that plans is told beside."""
    undelivered = names.target_dead_letter_queue(STAGE, PLAN_COMMAND)
    return PlanVariables(
        group=name(names.PLANS),
        role=f"arn:aws:iam::{ACCOUNT}:role/{name(names.PLANS)}",
        undelivered=f"arn:aws:sqs:eu-central-1:{ACCOUNT}:{undelivered}",
        target=SEND,
        queue=f"https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/{names.queue(STAGE, QUEUE)}",
    )


def _skips(integration: Integration, consumer: Consumer) -> bool:
    return any(schedule.skips for schedule in integration.scheduled(consumer.function))


def _integration(topology: Topology, consumer: Consumer) -> Integration:
    return next(each for each in topology.integrations if consumer in each.consumers)


def url(queue: Queue) -> str:
    """The address of the queue."""
    return f"https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/{names.queue(STAGE, queue.name, fifo=queue.fifo)}"


def lambdas_own(consumer: Consumer) -> dict[str, str]:
    """What Lambda adds to it."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": names.resource(STAGE, consumer.function),
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": "http://aws.test",  # so that no certificates are read
    }


def permissions(topology: Topology, consumer: Consumer) -> set[tuple[str, str]]:
    """What the function may do: an action and the physical name of what it may do it with.

    Of an event that it may put, the name is followed by the event's source and type.
    """
    pause_queue = names.queue(STAGE, PAUSE_CONSUMER, fifo=True)
    if consumer is PAUSER:
        own = {(f"sqs:{action}", pause_queue) for action in (*QUEUE_ACTIONS, "SendMessage")}
        others = [names.resource(STAGE, each.function) for each in topology.consumers]
        switched = {(f"lambda:{action}", name) for name in others for action in PAUSE_ACTIONS}
        return own | switched | {("lambda:ListEventSourceMappings", "*")}
    queue = topology.queue(consumer.function)
    granted = {(f"sqs:{action}", names.queue(STAGE, queue.name, fifo=queue.fifo)) for action in QUEUE_ACTIONS}
    granted.add(("dynamodb:UpdateItem", names.resource(STAGE, names.FAILURES)))
    granted.add(("sqs:SendMessage", pause_queue))
    if queue.on_poison == "park":
        granted |= {(f"dynamodb:{action}", names.resource(STAGE, names.PARKED)) for action in PARKING_ACTIONS}
    if consumer.limits:
        granted |= {(f"dynamodb:{action}", names.resource(STAGE, TABLE)) for action in LIMITING_ACTIONS}
        if not queue.fifo:
            granted.add(("sqs:SendMessage", names.queue(STAGE, queue.name)))
    integration = _integration(topology, consumer)
    if consumer.plans or integration.takes_delays(consumer.function):
        granted.add(("sqs:SendMessage", names.queue(STAGE, PLAN_COMMAND)))
    if integration.delayed(consumer.function):
        granted.add(("dynamodb:UpdateItem", names.resource(STAGE, PLANNED)))
    if _skips(integration, consumer):
        granted.add(("dynamodb:UpdateItem", names.resource(STAGE, names.SCHEDULE_RUNS)))
    if consumer.function == PLAN_COMMAND:
        group = names.resource(STAGE, names.PLANS)
        granted |= {(f"scheduler:{action}", group) for action in PLAN_ACTIONS} | {("iam:PassRole", group)}
        granted |= {("sqs:SendMessage", names.queue(STAGE, word)) for word in topology.delayed()}
    for use in consumer.access:
        granted |= {(f"dynamodb:{action}", names.resource(STAGE, use.table)) for action in use.actions}
    granted |= {("secretsmanager:GetSecretValue", names.resource(STAGE, word)) for word in consumer.secrets}
    if consumer.publishes:
        told = {(full_source(event.source, names.PROJECT), event.__name__) for event in consumer.publishes}
        bus = names.resource(STAGE, names.BUS)
        granted |= {("events:PutEvents", f"{bus} {source} {kind}") for source, kind in {(PROBE, PROBE), *told}}
    if consumer.sends_email:
        granted |= {(f"dynamodb:{action}", names.resource(STAGE, names.ONCE)) for action in ONCE_ACTIONS}
        granted.add(("ses:SendEmail", SENDER))
    return granted


def most_receives(topology: Topology, consumer: Consumer) -> int:
    """Receives until SQS moves a message of the consumer's queue."""
    return limits.receives(topology.queue(consumer.function), consumer)


def path_patterns(topology: Topology) -> dict[str, str]:
    """What the edge lets through as the group of each FIFO queue, by the queue's word."""
    fields = {route.queue: path_field(route.accepts) for route in topology.routes if route.group}
    return {queue: field.pattern for queue, field in fields.items() if field}


def table_keys(topology: Topology) -> dict[str, str]:
    """The partition key of every table, by physical name."""
    keys = {table.name: table.key for table in topology.tables} | names.SHARED_TABLES
    if limits.exist(topology):
        keys = keys | {TABLE: KEY}
    if topology.skips:
        keys = keys | {names.SCHEDULE_RUNS: "schedule"}
    return {names.resource(STAGE, table): key for table, key in keys.items()}


def targets(topology: Topology) -> dict[tuple[str, str], list[str]]:
    """The queues that each event reaches, by its source and detail-type."""
    reached: dict[tuple[str, str], list[str]] = {}
    for subscription in topology.subscriptions:
        event = subscription.event
        reached.setdefault((full_source(event.source, names.PROJECT), event.__name__), []).append(subscription.queue)
    return reached


def filters(topology: Topology) -> dict[tuple[str, str], dict[str, list[Any]]]:
    """What the data of an event must be to reach a queue, by the queue and detail-type: one of the values of a field.

    Raises `LookupError` for any other pattern.
    """
    found = {(each.queue, each.event.__name__): dict(each.filter) for each in topology.subscriptions if each.filter}
    for pattern in found.values():
        if not all(isinstance(value, str) for values in pattern.values() for value in values):
            raise LookupError("the simulation knows only patterns of texts; add others to bus.py")
    return found
