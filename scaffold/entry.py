"""What the map says of the new integration or subscriber, as source text, and the names that it imports for it."""

from __future__ import annotations

from collections.abc import Mapping

from scaffold.plan import NewIntegration, NewSubscriber

Parts = Mapping[str, str]
"""Each of an integration's fields, with the entry that is new in it."""
Imports = Mapping[str, tuple[str, ...]]
"""Each module, with the names imported from it."""
ENTRIES = "stacks.entry"


def of_integration(new: NewIntegration) -> tuple[Parts, Imports]:
    """A route, a queue, a consumer and a table."""
    method = "" if new.method == "POST" else f'method="{new.method}", '
    group = f', group="{new.group}"' if new.group else ""
    keys = "" if new.group else ', Access(table="keys", actions=("PutItem",))'
    parts = {
        "routes": f'Route({method}path="{new.path}", accepts={new.command}, queue="{new.function}"{group})',
        "queues": f'Queue(name="{new.function}"{", fifo=True" if new.group else ""})',
        "consumers": _consumer(new, keys),
        "tables": f'Table(name="{new.table}", key="request_id")',
    }
    used = ("Access", "Consumer", "Integration", "Queue", "Route", "Table")
    return parts, {f"functions.contracts.{new.contract}": (new.command, *new.publishes), ENTRIES: used}


def of_subscriber(new: NewSubscriber) -> tuple[Parts, Imports]:
    """A queue, a consumer, a subscription and a table."""
    parts = {
        "queues": f'Queue(name="{new.function}")',
        "consumers": _consumer(new),
        "subscriptions": f'Subscription(event={new.event.__name__}, queue="{new.function}")',
        "tables": f'Table(name="{new.table}", key="event_id")',
    }
    own = {f"functions.contracts.{new.contract}": new.publishes} if new.publishes else {}
    used = ("Access", "Consumer", *(("Integration",) if new.founds else ()), "Queue", "Subscription", "Table")
    return parts, {new.event.__module__: (new.event.__name__,), **own, ENTRIES: used}


def _consumer(new: NewIntegration | NewSubscriber, further: str = "") -> str:
    one = "," if len(new.publishes) == 1 else ""
    published = f", publishes=({', '.join(new.publishes)}{one})," if new.publishes else ""
    access = f'(Access(table="{new.table}", actions=("PutItem",)){further},)'
    return f'Consumer(function="{new.function}", access={access}{published})'
