"""What the stacks give each function: its environment and its permissions. A test holds it to the templates."""

from __future__ import annotations

from functions.contracts.envelope import full_source
from functions.contracts.environment import ConsumerVariables, secret_variable, table_variable
from functions.contracts.path import path_field
from stacks import names
from stacks.entry import Consumer, Topology

STAGE = "simulated"
SENDER = "house@example.com"
ACCOUNT = "000000000000"
QUEUE_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
ONCE_ACTIONS = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")


def environment(topology: Topology, consumer: Consumer) -> dict[str, str]:
    """The environment variables of the function."""

    def name(word: str) -> str:
        return names.resource(STAGE, word)

    queue = topology.queue(consumer.function)
    address = names.queue(STAGE, queue.name, fifo=queue.fifo)
    told = ConsumerVariables(
        project=names.PROJECT,
        stage=STAGE,
        service=consumer.function,
        log_level="INFO",
        queue_url=f"https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/{address}",
        receives=queue.receives,
        retention=queue.retention,
        backoff_base=queue.backoff_base,
        backoff_cap=queue.backoff_cap,
        on_poison=queue.on_poison,
        failures_table=name(names.FAILURES),
        once_table=name(names.ONCE) if consumer.sends_email else None,
        bus_name=name(names.BUS) if consumer.publishes else None,
        email_from=SENDER if consumer.sends_email else None,
    )
    tables = {table_variable(use.table): name(use.table) for use in consumer.access}
    secrets = {secret_variable(word): name(word) for word in consumer.secrets}
    return told.variables() | tables | secrets


def lambdas_own(consumer: Consumer) -> dict[str, str]:
    """What Lambda adds to it."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": names.resource(STAGE, consumer.function),
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def permissions(topology: Topology, consumer: Consumer) -> set[tuple[str, str]]:
    """What the function may do: an action and the physical name of what it may do it with."""
    queue = topology.queue(consumer.function)
    granted = {(f"sqs:{action}", names.queue(STAGE, queue.name, fifo=queue.fifo)) for action in QUEUE_ACTIONS}
    granted.add(("dynamodb:BatchWriteItem", names.resource(STAGE, names.FAILURES)))
    for use in consumer.access:
        granted |= {(f"dynamodb:{action}", names.resource(STAGE, use.table)) for action in use.actions}
    granted |= {("secretsmanager:GetSecretValue", names.resource(STAGE, word)) for word in consumer.secrets}
    if consumer.publishes:
        granted.add(("events:PutEvents", names.resource(STAGE, names.BUS)))
    if consumer.sends_email:
        granted |= {(f"dynamodb:{action}", names.resource(STAGE, names.ONCE)) for action in ONCE_ACTIONS}
        granted.add(("ses:SendEmail", SENDER))
    return granted


def path_patterns(topology: Topology) -> dict[str, str]:
    """What the edge lets through as the group of each FIFO queue, by the queue's word."""
    fields = {route.queue: path_field(route.accepts) for route in topology.routes if route.group}
    return {queue: field.pattern for queue, field in fields.items() if field}


def table_keys(topology: Topology) -> dict[str, str]:
    """The partition key of every table, by physical name."""
    keys = {table.name: table.key for table in topology.tables} | names.SHARED_TABLES
    return {names.resource(STAGE, table): key for table, key in keys.items()}


def targets(topology: Topology) -> dict[tuple[str, str], list[str]]:
    """The queues that each event reaches, by its source and detail-type. Raises `LookupError` for a filter."""
    reached: dict[tuple[str, str], list[str]] = {}
    for subscription in topology.subscriptions:
        if subscription.filter:
            raise LookupError("the simulation has no event patterns; add them to bus.py")
        event = subscription.event
        reached.setdefault((full_source(event.source, names.PROJECT), event.__name__), []).append(subscription.queue)
    return reached
