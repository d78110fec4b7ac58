"""The entry of a limit: how much of something fragile a consumer asks of, and what such an entry must keep to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from typing import TYPE_CHECKING

from functions.contracts.limit import TABLE, Rule, waits, written
from stacks import feeds
from stacks.feeds import Feed

if TYPE_CHECKING:
    from stacks.entry import Consumer, Integration, Queue, Topology

FASTEST = 500
"""Slots of one key a second, at the most: each is a write of one item, which takes 1,000 a second of them.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html"""
WIDEST = 100
"""Places of one key, at the most: they are all in one item."""
MOST_RECEIVES = 1000
"""To which SQS counts. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""
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
    retired: bool = False
    """Whether it is on its way out: it lets everything through, and messages keep the receives that they waited with.
    Taken off a FIFO queue at once, it would have SQS move what waits to the dead-letter queue."""

    @property
    def words(self) -> str:
        """In short, as a picture says it: `crm: 2 a second, 1 at once, per tenant`."""
        each = "per key" if self.in_code else f"per {self.per}" if self.per else None
        rate = self.rate and (f"{self.rate:g} a second" if self.rate >= 1 else f"1 in {1 / self.rate:g} s")
        at_once = None if self.at_once is None else f"{self.at_once} at once"
        said = f"{self.name}: {', '.join(word for word in (rate, at_once, each) if word)}"
        return f"{said} (retired)" if self.retired else said


def variable(consumer: Consumer) -> str | None:
    """What the stack tells the function of its limits; None if it has none."""
    return written([rule_of(limit) for limit in consumer.limits])


def rule_of(limit: Limit) -> Rule:
    """The limit as the stack tells it to the function."""
    return Rule(**asdict(limit))


def receives(queue: Queue, consumer: Consumer) -> int:
    """Receives of a message until SQS moves it to the dead-letter queue, those that it may wait with included."""
    return min(queue.receives + _waits(queue, consumer), MOST_RECEIVES)


def attempts(queue: Queue, consumer: Consumer) -> int:
    """Attempts at a message: what is left of its receives without those that it may wait with."""
    return min(queue.receives, MOST_RECEIVES - _waits(queue, consumer))


def _waits(queue: Queue, consumer: Consumer) -> int:
    return waits(fifo=queue.fifo) if consumer.limits else 0


def exist(topology: Topology) -> bool:
    """Whether some consumer has a limit."""
    return any(consumer.limits for consumer in topology.consumers)


def refusals(integration: Integration, topology: Topology) -> Iterator[str]:
    """What is wrong with the limits of the integration's consumers, one sentence each."""
    for consumer in integration.consumers:
        if not consumer.limits:
            continue
        entry = f"Consumer {consumer.function!r}"
        queue, fed = topology.queue(consumer.function), feeds.of(topology, consumer.function)
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
            yield from _key(limit, f"{entry}, Limit {limit.name!r}", queue, fed)


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


def _key(limit: Limit, entry: str, queue: Queue, fed: Sequence[Feed]) -> Iterator[str]:
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
        yield from (_tenant(feed, entry) for feed in fed if feed.tenantless)
    else:
        yield from (sentence for feed in fed for sentence in _field(limit.per, feed, entry))


def _tenant(feed: Feed, entry: str) -> str:
    """What is wrong with a limit per tenant of a queue that gets messages without one."""
    way = "give it a queue of its own" if feed.kind == "schedule" else "set its tenant"
    if feed.name == feed.tenantless:
        return f"{entry} is per tenant, and {feed.name} has none; {way}, or change per."
    return f"{entry} is per tenant, and {feed.name} has none of what {feed.tenantless} began; change per."


def _field(per: str, feed: Feed, entry: str) -> Iterator[str]:
    fields = feed.contract.__struct_fields__
    if per not in fields:
        yield (
            f"{entry} is per {per!r}, and {feed.contract.__name__} has no such field; choose one of "
            f"{', '.join(('tenant', 'group', *fields))}."
        )
    elif feed.sends is not None and getattr(feed.sends, per) in (None, ""):
        yield f"{entry} is per {per!r}, which {feed.name} leaves empty; say it in sends, or change per."
