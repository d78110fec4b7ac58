"""What messages cost: each route and each subscription, by service, from the topology and a price list.

Everything that makes a price is one of three: a fact of the topology or the stage, a price of the list, or an
assumption that is printed with the answer. What costs the same whether messages come or not (alarms, custom metrics,
dashboards, empty receives of Lambda's pollers) is left out, and so are messages that fail.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from ops.cost.prices import Prices
from stacks import names
from stacks.entry import Consumer, Queue, Subscription, Topology
from stacks.settings import Settings

KB = 1024
GB = 1024**3
CHUNK = 64 * KB
"""SQS and EventBridge charge a request for each 64 KB.
https://aws.amazon.com/sqs/pricing/ https://aws.amazon.com/eventbridge/pricing/"""
RECEIVE = 10
"""Messages that a receive or a delete takes at the most."""
WRITES = ("PutItem", "UpdateItem", "DeleteItem")


class Assumptions(Struct, frozen=True, kw_only=True):
    """What nobody can read from the stacks. Sizes are bytes, times milliseconds."""

    fill: float = 5
    """Messages in a batch, on average; never more than the consumer's batch."""
    size: int = 1 * KB
    """A message's body."""
    envelope: int = 512
    """What surrounds an event's data."""
    own: float = 1
    """A function's own work for a message."""
    write: float = 5
    """A write to DynamoDB, or the read of what is parked."""
    publish: float = 15
    """A PutEvents."""
    send: float = 15
    """A SendMessage, or an e-mail."""
    keyed: float = 1
    """The share of requests with an Idempotency-Key, where one is not required."""
    sampled: float = 0.05
    """The share of requests and of batches that X-Ray records."""
    access_line: int = 540
    handled_line: int = 400
    metrics_line: int = 500
    platform_lines: int = 500
    """Lines of the logs: one a request, one a message, one a batch, and Lambda's own two of a batch."""


class Cost(Struct, frozen=True, kw_only=True):
    """US dollars, by service."""

    api: float = 0
    sqs: float = 0
    functions: float = 0
    tables: float = 0
    events: float = 0
    logs: float = 0
    traces: float = 0
    email: float = 0

    @property
    def total(self) -> float:
        """All of it."""
        return math.fsum(getattr(self, name) for name in self.__struct_fields__)

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class Row(Struct, frozen=True, kw_only=True):
    """One route or subscription. `standard` is the same with the standard consumer, `relayed` with a function that
    takes the request and sends the message, and `onward` is everything that follows from the message as well."""

    name: str
    cost: Cost
    standard: Cost
    relayed: Cost | None
    onward: Cost


@dataclass(frozen=True)
class Costing:
    """Computes for one stage; `messages` go through each route and subscription."""

    topology: Topology
    settings: Settings
    prices: Prices
    messages: int = 1_000_000
    assume: Assumptions = field(default_factory=Assumptions)

    def rows(self) -> list[Row]:
        """Every route, then every subscription."""
        return [*self._routes(), *self._subscriptions()]

    def _routes(self) -> Iterator[Row]:
        for route in self.topology.routes:
            queue, consumer = self.topology.queue(route.queue), self.topology.consumer(route.queue)
            edge = self._edge() + self._queue(queue, consumer, fair=route.tenant is not None and not queue.fifo)
            yield Row(
                name=route.name,
                cost=edge + self._consumer(consumer),
                standard=edge + self._standard(consumer),
                relayed=edge + self._relay() + self._consumer(consumer),
                onward=edge + self._consumer(consumer) + self._following(consumer),
            )

    def _subscriptions(self) -> Iterator[Row]:
        for subscription in self.topology.subscriptions:
            cost = self._subscription(subscription)
            consumer = self.topology.consumer(subscription.queue)
            yield Row(
                name=subscription.name,
                cost=cost,
                standard=self._queue(self.topology.queue(subscription.queue), consumer) + self._standard(consumer),
                relayed=None,
                onward=cost + self._following(consumer),
            )

    def _subscription(self, subscription: Subscription) -> Cost:
        consumer = self.topology.consumer(subscription.queue)
        return self._queue(self.topology.queue(subscription.queue), consumer) + self._consumer(consumer)

    def _following(self, consumer: Consumer) -> Cost:
        """What the first of its events sets off, all the way down."""
        found = Cost()
        for subscription in self.topology.subscriptions:
            if consumer.publishes[:1] == (subscription.event,):
                next_ = self.topology.consumer(subscription.queue)
                found += self._subscription(subscription) + self._following(next_)
        return found

    def _edge(self) -> Cost:
        n, prices, assume = self.messages, self.prices, self.assume
        return Cost(
            api=prices.api_request * n,
            logs=prices.log_gb * (n * assume.access_line / GB),
            traces=prices.trace * (n * assume.sampled),
        )

    def _relay(self) -> Cost:
        """A function between the API and the queue: an invocation a request, as long as its SendMessage takes."""
        n, assume = self.messages, self.assume
        return Cost(
            functions=self._functions(n, assume.own + assume.send, 256),
            logs=self.prices.log_gb * (n * assume.handled_line / GB),
        )

    def _queue(self, queue: Queue, consumer: Consumer, *, fair: bool = False) -> Cost:
        """One send a message; for a batch the receives and deletes of ten messages each."""
        fill = self._fill(consumer)
        calls = math.ceil(fill / RECEIVE)
        receives = calls * _chunks(min(fill, RECEIVE) * self.assume.size)
        requests = self.messages * (_chunks(self.assume.size) + (receives + calls) / fill)
        price = self.prices.sqs_fifo_request if queue.fifo else self.prices.sqs_request
        return Cost(sqs=price * requests + (self.prices.sqs_fair * requests if fair else 0))

    def _consumer(self, consumer: Consumer) -> Cost:
        """A message after the other, its effects one call, the events of the batch ten a call.

        The claim of an idempotency key is a call and a write of its own, before the effect.
        """
        assume, fill = self.assume, self._fill(consumer)
        effects = len(self._writes(consumer, keys=False))
        claims = assume.keyed * (len(self._writes(consumer)) - effects)
        calls = (min(effects, 1) + claims) * assume.write
        if consumer.sends_email:
            calls += 2 * assume.write + assume.send
        publishes = math.ceil(fill / RECEIVE) * assume.publish if consumer.publishes else 0
        reads = assume.write if self._parks(consumer) else 0
        units = _units(effects) + claims + (2 if consumer.sends_email else 0)
        cost = self._run(consumer, reads + fill * (assume.own + calls) + publishes, units)
        # What is parked is read once a batch, a unit a group: at the most as many as there are messages.
        return cost + Cost(tables=self.prices.table_read * self.messages) if self._parks(consumer) else cost

    def _standard(self, consumer: Consumer) -> Cost:
        """The same work one call after the other: an idempotency record, begun and completed, and a PutEvents each.

        That record is in the place of the keys that we claim before the effect.
        """
        assume, fill = self.assume, self._fill(consumer)
        writes = len(self._writes(consumer, keys=False))
        calls = (min(writes, 1) + 2) * assume.write
        calls += assume.send if consumer.sends_email else 0
        calls += assume.publish if consumer.publishes else 0
        return self._run(consumer, fill * (assume.own + calls), _units(writes) + 2)

    def _writes(self, consumer: Consumer, *, keys: bool = True) -> list[str]:
        """The writes of a message; without `keys` not those that claim an idempotency key."""
        return [
            action
            for access in consumer.access
            for action in access.actions
            if action in WRITES and (keys or access.table != names.KEYS)
        ]

    def _run(self, consumer: Consumer, milliseconds: float, write_units: float) -> Cost:
        n, assume, prices = self.messages, self.assume, self.prices
        batches = n / self._fill(consumer)
        return Cost(
            functions=self._functions(batches, milliseconds, consumer.memory),
            tables=prices.write * (n * write_units),
            events=self._events() if consumer.publishes else 0,
            logs=prices.log_gb
            * ((n * assume.handled_line + batches * (assume.metrics_line + assume.platform_lines)) / GB),
            traces=prices.trace * (batches * assume.sampled),
            email=prices.email * n if consumer.sends_email else 0,
        )

    def _functions(self, invocations: float, milliseconds: float, memory: int) -> float:
        second = self.prices.lambda_x86_64 if self.settings.architecture == "x86_64" else self.prices.lambda_arm64
        # Lambda rounds an invocation up to a millisecond: https://aws.amazon.com/lambda/pricing/
        gb_seconds = invocations * math.ceil(milliseconds) / 1000 * memory / 1024
        return self.prices.lambda_request * invocations + second * gb_seconds

    def _events(self) -> float:
        """One event a message, and its place in the archive."""
        size = self.assume.size + self.assume.envelope
        found = self.prices.event * (self.messages * _chunks(size))
        if self.settings.archive_days is not None:
            gigabytes = self.messages * size / GB
            months = self.settings.archive_days / 30
            found += self.prices.archived_gb * gigabytes + self.prices.archive_gb_month * (gigabytes * months)
        return found

    def _parks(self, consumer: Consumer) -> bool:
        return self.topology.queue(consumer.function).on_poison == "park"

    def _fill(self, consumer: Consumer) -> float:
        return min(self.assume.fill, consumer.batch)


def _chunks(size: float) -> int:
    return max(1, math.ceil(size / CHUNK))


def _units(writes: int) -> int:
    """Write units of so many writes: one each, two each where several are one transaction.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
    """
    return writes if writes < 2 else 2 * writes
