"""The queues and the bus as an AsyncAPI 3.0 document, docs/asyncapi.json: who takes which message, who publishes what.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from documents.page import Pages
from functions.contracts import envelope
from functions.contracts.contract import Command, Event
from functions.contracts.envelope import Envelope, full_source
from functions.contracts.path import body_of, path_field
from functions.contracts.webhooks import ReceiveWebhook
from stacks import feeds, limits, names
from stacks.entry import Consumer, Queue, Topology
from stacks.events import key

Document = dict[str, Any]
Contract = type[Command] | type[Event]
JSON = "application/json"
STAGE = "{stage}"
BUS = "event-bus"
SCHEMAS = "#/components/schemas"
ATTRIBUTES = "message.attributes"
DEAD_LETTER_RETENTION = 14 * 24 * 60 * 60


def document(topology: Topology) -> Document:
    """The whole document."""
    contracts = _contracts(topology)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": names.PROJECT,
            "version": "1",
            "description": "Requests become messages on queues, finished work becomes events on the bus, and an event "
            "reaches the queue of everyone who subscribed.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON,
        "channels": {
            **{queue.name: _queue(topology, queue) for queue in topology.queues},
            **({BUS: _bus(topology)} if topology.events else {}),
        },
        "operations": {
            name: operation for consumer in topology.consumers for name, operation in _operations(topology, consumer)
        },
        "components": {
            "messages": {key(contract): _message(contract) for contract in contracts},
            "schemas": _schemas(
                contracts, runs=bool(topology.schedules), delays=any(topology.delayed()), plans=bool(topology.plans)
            ),
            "correlationIds": {
                "correlation": {
                    "description": "Follows a request through every hop.",
                    "location": f"$message.header#/{envelope.CORRELATION_ID}",
                },
                "ofEvent": {
                    "description": "Follows a request through every hop.",
                    "location": f"$message.payload#/detail/{envelope.CORRELATION_ID}",
                },
            },
        },
    }


def _contracts(topology: Topology) -> list[Contract]:
    """What travels, once: commands of routes, schedules and plans, events that are published here, events of others."""
    commands = [*(route.accepts for route in topology.routes), *(type(each.sends) for each in topology.schedules)]
    commands += [each.command for each in topology.plans]
    return list(dict.fromkeys([*commands, *topology.events, *(each.event for each in topology.subscriptions)]))


def _taken(topology: Topology, queue: str) -> Iterator[Contract]:
    """What reaches that queue."""
    yield from dict.fromkeys(feed.contract for feed in feeds.of(topology, queue) if feed.is_open)


def _channel(address: str, words: str, contracts: list[Contract]) -> Document:
    return {
        "address": address,
        "description": words,
        "parameters": {"stage": {"description": "The stage.", "enum": list(names.STAGES)}},
        "messages": {key(one): {"$ref": f"#/components/messages/{key(one)}"} for one in contracts},
    }


def _queue(topology: Topology, queue: Queue) -> Document:
    dead = {"name": names.dead_letter_queue(STAGE, queue.name, fifo=queue.fifo), "fifoQueue": queue.fifo}
    fifo = {"deduplicationScope": "messageGroup", "fifoThroughputLimit": "perMessageGroupId"} if queue.fifo else {}
    words = "A FIFO queue: messages of a group come in their order." if queue.fifo else "A standard queue."
    words += f" It is {queue.lane.words}." if queue.lane else ""
    channel = _channel(names.queue(STAGE, queue.name, fifo=queue.fifo), words, list(_taken(topology, queue.name)))
    most = limits.receives(queue, topology.consumer(queue.name))
    # https://github.com/asyncapi/bindings/tree/master/sqs
    channel["bindings"] = {
        "sqs": {
            "bindingVersion": "0.2.0",
            "queue": {
                "name": channel["address"],
                "fifoQueue": queue.fifo,
                **fifo,
                "messageRetentionPeriod": queue.retention,
                "redrivePolicy": {"deadLetterQueue": {"name": dead["name"]}, "maxReceiveCount": most},
            },
            "deadLetterQueue": {**dead, **fifo, "messageRetentionPeriod": DEAD_LETTER_RETENTION},
        }
    }
    return channel


def _bus(topology: Topology) -> Document:
    words = "The bus of EventBridge that every event is published on, and archived from."
    return _channel(names.resource(STAGE, names.BUS), words, list(topology.events))


def _operations(topology: Topology, consumer: Consumer) -> Iterator[tuple[str, Document]]:
    """What one function takes, and what it publishes."""
    yield consumer.function, _operation("receive", consumer.function, list(_taken(topology, consumer.function)))
    if consumer.publishes:
        yield f"{consumer.function}-publishes", _operation("send", BUS, list(consumer.publishes))


def _operation(action: str, channel: str, contracts: list[Contract]) -> Document:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{key(one)}"} for one in contracts],
    }


def _message(contract: Contract) -> Document:
    summary, _, details = inspect.cleandoc(contract.__doc__ or "").partition("\n")
    event = issubclass(contract, Event)
    return {
        "name": contract.__name__,
        "summary": summary,
        **({"description": words} if (words := " ".join([*details.split(), *_group(contract)])) else {}),
        "correlationId": {"$ref": f"#/components/correlationIds/{'ofEvent' if event else 'correlation'}"},
        **({} if event else {"headers": {"$ref": f"{SCHEMAS}/{ATTRIBUTES}"}}),
        "payload": {"$ref": f"{SCHEMAS}/{key(contract)}{'.delivered' if event else ''}"},
    }


def _group(contract: Contract) -> Iterator[str]:
    field = path_field(contract)
    if field is not None:
        yield f"The message group is its `{field.name}`; where there is a tenant, `/<tenant>/<{field.name}>`."


def _schemas(contracts: list[Contract], *, runs: bool, delays: bool, plans: bool) -> Document:
    written = [contract for contract in contracts if not issubclass(contract, ReceiveWebhook)]
    references, schemas = msgspec.json.schema_components(map(body_of, written), ref_template=f"{SCHEMAS}/{{name}}")
    for schema in schemas.values():
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
    delivered = {
        f"{key(one)}.delivered": _delivered(one, data)
        for one, data in zip(written, references, strict=True)
        if issubclass(one, Event)
    }
    return {**schemas, **_of_commands(contracts, runs=runs, delays=delays, plans=plans), **delivered}


def _of_commands(contracts: list[Contract], *, runs: bool, delays: bool, plans: bool) -> Document:
    """What surrounds a command, and the webhook's body, which is the sender's own; none where there is no command.

    What no request brought, but a schedule's run or a plan, says which that is, and nothing of a request.
    """
    if not any(issubclass(contract, Command) for contract in contracts):
        return {}
    text = {"type": "string"}
    always = (envelope.CORRELATION_ID, envelope.RECEIVED_AT, envelope.ROUTE)
    sometimes = (envelope.IDEMPOTENCY_KEY, envelope.TENANT, envelope.CALLER, envelope.REDRIVEN)
    delayed = (envelope.DELIVER_AT, envelope.PLANNED_FOR) if delays else ()
    of_runs = (envelope.RUN,) if runs else ()
    webhook = (envelope.SENDER, envelope.SIGNATURE, envelope.TOPIC)
    made: Document = {
        ATTRIBUTES: {
            "description": "The message attributes that stand beside the body; the last three come with webhooks.",
            "type": "object",
            "properties": dict.fromkeys((*always, *sometimes, *delayed, *of_runs, *webhook), text),
            "required": [envelope.CORRELATION_ID] if runs or plans else sorted(always),
        }
    }
    if any(issubclass(contract, ReceiveWebhook) for contract in contracts):
        made[ReceiveWebhook.__name__] = {
            "description": "The sender's own JSON object; it is kept as it came.",
            "type": "object",
            "minProperties": 1,
        }
    return made


def _delivered(event: type[Event], data: Document) -> Document:
    """What EventBridge delivers: its own words, and in `detail` our envelope around the event's data."""
    whole = msgspec.json.schema(Envelope)["$defs"]["Envelope"]
    source = full_source(event.source, names.PROJECT)
    fixed = {"type": event.__name__, "version": event.version, "source": source}
    properties = whole["properties"] | {name: {"const": value} for name, value in fixed.items()}
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "id": text,
            "source": {"const": source},
            "detail-type": {"const": event.__name__},
            "time": text,
            "detail": {
                **{key: value for key, value in whole.items() if key not in ("title", "description")},
                "properties": properties | {"data": data},
            },
        },
        "required": ["id", "source", "detail-type", "time", "detail"],
    }


def pages(topology: Topology, root: Path) -> Pages:
    """The document; none where there is no queue."""
    whole = json.dumps(document(topology), indent=2, ensure_ascii=False) + "\n" if topology.queues else None
    return {root / "docs" / "asyncapi.json": whole}
