"""Events as they travel: what one is called where those of several projects meet, and what EventBridge delivers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from functions.contracts.contract import Event
from functions.contracts.envelope import Envelope, full_source
from stacks import feeds, names
from stacks.entry import Subscription, Topology

Schema = dict[str, Any]


def key(contract: feeds.Contract) -> str:
    """What a contract is called: its name, after the source of another project's event."""
    source = str(getattr(contract, "source", ""))
    return f"{source}.{contract.__name__}" if "." in source else contract.__name__


def known(topology: Topology) -> tuple[type[Event], ...]:
    """Every event that somebody publishes or subscribed to, also of what is retired, once, by its name."""
    heard = (subscription.event for subscription, _ in subscriptions(topology))
    return tuple(sorted(dict.fromkeys((*topology.events, *heard)), key=lambda each: (each.__name__, each.source)))


def subscriptions(topology: Topology) -> Iterator[tuple[Subscription, bool]]:
    """Every subscription, and whether its integration is retired, so that its rule is gone."""
    for integration in topology.integrations:
        yield from ((each, integration.retired) for each in integration.subscriptions)


def detail(event: type[Event]) -> Schema:
    """The JSON Schema of EventBridge's `detail` for an event: the envelope, with the event as its data."""
    document = msgspec.json.schema(event)
    envelope = msgspec.json.schema(Envelope)["$defs"]["Envelope"]
    fixed = {"type": event.__name__, "version": event.version, "source": full_source(event.source, names.PROJECT)}
    properties = envelope["properties"] | {name: {"const": value} for name, value in fixed.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **envelope,
        "title": event.__name__,
        "description": event.__doc__,
        "properties": properties | {"data": {"$ref": document["$ref"]}},
        "$defs": document["$defs"],
    }


def schema_file(event: type[Event]) -> str:
    """The name of the file with that schema, in docs/events."""
    return f"{event.__name__}.v{event.version}.json"
