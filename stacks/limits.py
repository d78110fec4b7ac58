"""The entry of a limit: how much of something fragile a consumer asks of, and what such an entry must keep to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import KW_ONLY, asdict, dataclass
from typing import TYPE_CHECKING

from functions.contracts.contract import Command, Event
from functions.contracts.limit import TABLE, Rule, written

if TYPE_CHECKING:
    from stacks.entry import Consumer, Integration, Queue, Topology

FASTEST = 500
"""Slots of one key a second, at the most: each is a write of one item, which takes 1,000 a second of them.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html"""
WIDEST = 100
"""Places of one key, at the most: they are all in one item."""
LIFE = 0.9
"""The share of the retention within which a message must have its turn."""
TOGETHER = 10
"""Messages of a batch that are handled side by side; behind more, one that waits would hold up another."""


@dataclass(frozen=True)
class Limit:
    """How much a consumer asks of something fragile, counted over all its workers.

    A message that must wait costs no receive, goes to no dead-letter queue, keeps its place in a FIFO group, and lets
    others pass whose key is quiet. docs/patterns/limit.md begins with an example.
    """

    name: str
    """In lower_case_words; log lines say it, and handlers that ask for it."""
    _: KW_ONLY
    rate: float | None = None
    """Messages a second, in the long run. Less than one is fine: `1 / 60` is one a minute."""
    burst: int = 1
    """Messages of them at once, at the most, after a time in which there were none."""
    at_once: int | None = None
    """Messages in work at once, at the most (1 to 100). Exact, other than `concurrency`, which counts batches."""
    per: str | None = None
    """What has a limit of its own: `tenant`, each tenant; `group`, each FIFO group; else a field of the contract, each
    value of it. Without it the limit is one for the whole consumer."""
    in_code: bool = False
    """Whether only the handler asks for it, by `limit(name, key)`, with a key of its own."""

    @property
    def words(self) -> str:
        """In short, as a picture says it: `crm: 2 a second, 1 at once, per tenant`."""
        each = "per key" if self.in_code else f"per {self.per}" if self.per else None
        rate = self.rate and (f"{self.rate:g} a second" if self.rate >= 1 else f"1 in {1 / self.rate:g} s")
        at_once = None if self.at_once is None else f"{self.at_once} at once"
        return f"{self.name}: {', '.join(word for word in (rate, at_once, each) if word)}"


def variable(consumer: Consumer) -> str | None:
    """What the stack tells the function of its limits; None if it has none."""
    return written([Rule(**asdict(limit)) for limit in consumer.limits])


def exist(topology: Topology) -> bool:
    """Whether some consumer has a limit."""
    return any(consumer.limits for consumer in topology.consumers)


def refusals(integration: Integration, topology: Topology) -> Iterator[str]:
    """What is wrong with the limits of the integration's consumers, one sentence each."""
    for consumer in integration.consumers:
        if not consumer.limits:
            continue
        entry = f"Consumer {consumer.function!r}"
        queue = topology.queue(consumer.function)
        twice = [name for name, times in Counter(limit.name for limit in consumer.limits).items() if times > 1]
        if twice:
            yield f"{entry} has two limits {twice[0]!r}; rename one."
        if consumer.batch > TOGETHER:
            yield (
                f"{entry} has limits and takes {consumer.batch:,} messages a batch; set batch to {TOGETHER} or less, "
                "so that none that waits holds up another."
            )
        if any(table.name == TABLE for table in topology.tables):
            yield f"Table {TABLE!r} is where limits are counted; rename yours."
        for limit in consumer.limits:
            yield from _numbers(limit, f"{entry}, Limit {limit.name!r}", queue)
            yield from _key(limit, f"{entry}, Limit {limit.name!r}", queue, integration)


def _numbers(limit: Limit, entry: str, queue: Queue) -> Iterator[str]:
    if not limit.name.replace("_", "").isalnum() or not limit.name.islower() or len(limit.name) > 40:
        yield f"{entry}: a name is at most 40 characters of lower_case_words; rename it."
    if limit.rate is None and limit.at_once is None:
        yield f"{entry} limits nothing; set rate, at_once, or both."
    if limit.rate is not None and not 0 < limit.rate <= FASTEST:
        yield f"{entry}: rate is {limit.rate}; choose more than 0 and at most {FASTEST} a second."
    elif limit.rate is not None and 1 / limit.rate > LIFE * queue.retention:
        yield (
            f"{entry}: at {limit.rate} a second the next message waits {1 / limit.rate:,.0f} s, and queue "
            f"{queue.name!r} keeps it {queue.retention:,} s; raise the rate or the retention."
        )
    if limit.burst < 1 or limit.burst != math.floor(limit.burst):
        yield f"{entry}: burst is {limit.burst}; choose a whole number from 1 on."
    if limit.burst != 1 and limit.rate is None:
        yield f"{entry} has a burst without a rate; set rate, or drop burst."
    if limit.at_once is not None and not 1 <= limit.at_once <= WIDEST:
        yield f"{entry}: at_once is {limit.at_once}; choose 1 to {WIDEST}, or leave it out."


def _key(limit: Limit, entry: str, queue: Queue, integration: Integration) -> Iterator[str]:
    if limit.per is None:
        return
    if limit.in_code:
        yield f"{entry}: the handler says the key when it asks; drop per, or in_code."
    elif limit.per == "group":
        if not queue.fifo:
            yield f"{entry} is per group, and queue {queue.name!r} is standard; make it fifo=True, or change per."
        elif limit.at_once is not None:
            yield f"{entry}: a FIFO group is one at a time anyway; drop at_once."
    elif limit.per == "tenant":
        routes = [route for route in integration.routes if queue.name in route.queues and route.tenant is None]
        if routes:
            yield f"{entry} is per tenant, and Route {routes[0].name} has none; set its tenant, or change per."
    else:
        contracts: list[type[Command] | type[Event]] = []
        contracts += [each.accepts for each in integration.routes if queue.name in each.queues]
        contracts += [each.event for each in integration.subscriptions if each.queue == queue.name]
        lacks = next((each for each in contracts if limit.per not in each.__struct_fields__), None)
        if lacks is not None:
            yield (
                f"{entry} is per {limit.per!r}, and {lacks.__name__} has no such field; choose one of "
                f"{', '.join(('tenant', 'group', *lacks.__struct_fields__))}."
            )
