"""What feeds each queue, with how much of it came in the last minute, and what becomes of an event on its way."""

from __future__ import annotations

from dataclasses import dataclass

from functions.contracts.plan import PLAN_COMMAND
from ops.observe.rates import Rates
from stacks import feeds
from stacks.entry import Topology


@dataclass(frozen=True)
class Feed:
    """What feeds a queue: a route, an event, a schedule or a plan. Counts are of a minute; None where nobody counts.

    `through` is the queue of what plans commands, where some of it waits there for its time.
    """

    kind: feeds.Kind
    name: str
    rate: int | None
    refused: int = 0
    faults: int = 0
    through: str | None = None


@dataclass(frozen=True)
class Delivery:
    """A queue that an event goes to, and how many arrived in a minute; None where nobody counts."""

    queue: str
    rate: int | None


@dataclass(frozen=True)
class Publishing:
    """An event of a consumer, how many it published in a minute, None where nobody counts, and who gets them."""

    event: str
    rate: int | None
    deliveries: tuple[Delivery, ...]


def feeding(topology: Topology, rates: Rates, queue: str) -> list[Feed]:
    """What feeds the queue of that name now, in the map's order; what is retired feeds nothing any more."""
    if queue == PLAN_COMMAND:
        return [Feed("plan", each, None) for each in feeds.planners(topology)]
    found = []
    for each in feeds.of(topology, queue):
        if each.is_open:
            found.append(_feed(each, rates))
    return list(dict.fromkeys(found))


def publishing(topology: Topology, rates: Rates, queue: str) -> list[Publishing]:
    """What the consumer of the queue publishes. Where several publish an event, deliveries are of all of them."""
    told = rates.published.get(queue, {})
    return [
        Publishing(
            event=event.__name__,
            rate=None if rates.measured else told.get(event.__name__, 0),
            deliveries=tuple(
                Delivery(each.queue, rates.delivered.get(each.name, 0 if rates.measured else None))
                for each in topology.subscriptions
                if each.event is event
            ),
        )
        for event in topology.consumer(queue).publishes
    ]


def _feed(each: feeds.Feed, rates: Rates) -> Feed:
    through = PLAN_COMMAND if each.is_planned else None
    match each.kind:
        case "route":
            counts = (rates.requests.get(each.word, 0), rates.refused.get(each.word, 0), rates.faults.get(each.word, 0))
            return Feed("route", each.word, *counts, through=through)
        case "event":
            return Feed("event", each.word, rates.delivered.get(each.subscription or ""))
        case _:
            return Feed(each.kind, each.word, None, through=through)
