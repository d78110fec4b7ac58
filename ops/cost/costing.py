"""What messages cost, by service, from the topology and a price list: each route, schedule, subscription and plan.

Everything that makes a price is one of three: a fact of the topology or the stage, a price of the list, or an
assumption that is printed with the answer. What costs the same whether messages come or not (alarms, custom metrics,
dashboards, empty receives of Lambda's pollers) is left out, and so are messages that fail.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from functions.contracts.plan import PLAN_COMMAND
from ops.cost.prices import Prices
from ops.cost.work import CALL, KB, Assumptions, Work, units
from stacks import lanes
from stacks.entry import Consumer, Plan, Queue, Subscription, Topology
from stacks.settings import Settings

GB = 1024**3
RELAY = 256
"""MB of a function in front of the queue."""
CHUNK = 64 * KB
"""SQS and EventBridge charge a request for each 64 KB.
https://aws.amazon.com/sqs/pricing/ https://aws.amazon.com/eventbridge/pricing/"""


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
    """One route, schedule, subscription or plan. `standard` is the same with the standard consumer, `relayed` with a
    function that takes the request and sends the message, `onward` is everything that follows from the message too."""

    name: str
    cost: Cost
    standard: Cost
    relayed: Cost | None
    onward: Cost


@dataclass(frozen=True)
class Costing:
    """Computes for one stage; `messages` go through each route, schedule and subscription."""

    topology: Topology
    settings: Settings
    prices: Prices
    messages: int = 1_000_000
    assume: Assumptions = field(default_factory=Assumptions)

    @property
    def _work(self) -> Work:
        return Work(self.topology, self.assume)

    def rows(self) -> list[Row]:
        """Every route, then every schedule, every subscription, every plan and every route whose requests may wait."""
        return [*self._routes(), *self._schedules(), *self._subscriptions(), *self._plans(), *self._delayed()]

    def _routes(self) -> Iterator[Row]:
        for route in self.topology.routes:
            queue, consumer = self.topology.queue(route.queue), self.topology.consumer(route.queue)
            edge = self._edge() + self._queue(queue, consumer, fair=route.tenant is not None and not queue.fifo)
            if route.tracked:  # of a request that succeeds at once
                edge += Cost(tables=self.prices.write * self.messages)
            yield Row(
                name=route.name,
                cost=edge + self._consumer(consumer),
                standard=edge + self._standard(consumer),
                relayed=edge + self._relay() + self._consumer(consumer),
                onward=edge + self._consumer(consumer) + self._following(consumer),
            )

    def _schedules(self) -> Iterator[Row]:
        """Scheduler's invocation a run, and two writes where runs must not overlap."""
        for schedule in self.topology.schedules:
            queue, consumer = self.topology.queue(schedule.queue), self.topology.consumer(schedule.queue)
            writes = self.prices.write * (2 * self.messages) if schedule.skips else 0
            edge = self._queue(queue, consumer) + Cost(events=self.prices.invocation * self.messages, tables=writes)
            yield Row(
                name=schedule.name,
                cost=edge + self._consumer(consumer),
                standard=edge + self._standard(consumer),
                relayed=None,
                onward=edge + self._consumer(consumer) + self._following(consumer),
            )

    def _plans(self) -> Iterator[Row]:
        """What a consumer has handled later, from its ask on: `_waits` and `_arrives` say what that takes."""
        for consumer in self.topology.consumers:
            for plan in consumer.plans:
                target = self.topology.consumer(plan.queue)
                waits = self._waits(consumer)
                yield Row(
                    name=plan_name(consumer, plan),
                    cost=waits + self._arrives(target) + self._consumer(target),
                    standard=waits + self._arrives(target) + self._standard(target),
                    relayed=None,
                    onward=waits + self._arrives(target) + self._consumer(target) + self._following(target),
                )

    def _delayed(self) -> Iterator[Row]:
        """What a request costs that waits for longer than SQS delays: it comes to its queue, is planned, comes again.

        The first time its consumer has no effect.
        """
        for route in self.topology.routes:
            if route.delay:
                queue, consumer = self.topology.queue(route.queue), self.topology.consumer(route.queue)
                first = self._edge() + self._queue(queue, consumer, fair=route.tenant is not None)
                waits = first + self._idle(consumer) + self._waits(consumer) + self._arrives(consumer)
                yield Row(
                    name=f"{route.name}, delayed",
                    cost=waits + self._consumer(consumer),
                    standard=waits + self._standard(consumer),
                    relayed=waits + self._relay() + self._consumer(consumer),
                    onward=waits + self._consumer(consumer) + self._following(consumer),
                )

    def _waits(self, consumer: Consumer) -> Cost:
        """An ask that the consumer sends, up to ten a call, and what `plan_command` and Scheduler do for it.

        A schedule costs nothing until it fires, whose call is charged for each 64 KB.
        https://aws.amazon.com/eventbridge/pricing/
        """
        queue, planner = self.topology.queue(PLAN_COMMAND), self.topology.consumer(PLAN_COMMAND)
        size = self.assume.size + self.assume.envelope
        sends = math.ceil(self._work.fill(consumer) / CALL) * _chunks(size * min(self._work.fill(consumer), CALL))
        # `_queue` has a send for each; these are sent together.
        together = Cost(
            sqs=self.prices.sqs_request
            * (self.messages * (sends / self._work.fill(consumer) - _chunks(self.assume.size)))
        )
        fired = Cost(events=self.prices.invocation * (self.messages * _chunks(size)))
        return self._queue(queue, planner) + together + self._consumer(planner) + fired

    def _arrives(self, consumer: Consumer) -> Cost:
        """A planned message on its queue, and the write that says that it runs."""
        queue = self.topology.queue(consumer.function)
        return self._queue(queue, consumer) + Cost(tables=self.prices.write * self.messages)

    def _idle(self, consumer: Consumer) -> Cost:
        """A batch without effects: it asks for all its messages to wait."""
        fill, assume = self._work.fill(consumer), self.assume
        return self._run(consumer, self._work.takes(assume.send, fill, consumer.memory), 0, effects=False)

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

    def _following(self, consumer: Consumer, before: tuple[str, ...] = ()) -> Cost:
        """What the first of its events sets off, and the first of its plans, all the way down; around a circle once."""
        found, path = Cost(), (*before, consumer.function)
        for plan in consumer.plans[:1]:
            if plan.queue not in before:
                target = self.topology.consumer(plan.queue)
                found += self._waits(consumer) + self._arrives(target) + self._consumer(target)
                found += self._following(target, (*path, plan.queue))
        for subscription in lanes.first(self.topology.subscriptions):
            if consumer.publishes[:1] == (subscription.event,):
                found += self._subscription(subscription)
                if subscription.queue not in path:
                    found += self._following(self.topology.consumer(subscription.queue), path)
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
            functions=self._functions(n, self._work.takes(assume.send, 1, RELAY), RELAY),
            logs=self.prices.log_gb * (n * assume.handled_line / GB),
        )

    def _queue(self, queue: Queue, consumer: Consumer, *, fair: bool = False) -> Cost:
        """One send a message; for a batch the receives and deletes of ten messages each."""
        fill = self._work.fill(consumer)
        calls = math.ceil(fill / CALL)
        receives = calls * _chunks(min(fill, CALL) * self.assume.size)
        requests = self.messages * (_chunks(self.assume.size) + (receives + calls) / fill)
        price = self.prices.sqs_fifo_request if queue.fifo else self.prices.sqs_request
        return Cost(sqs=price * requests + (self.prices.sqs_fair * requests if fair else 0))

    def _consumer(self, consumer: Consumer) -> Cost:
        """As `Work` says."""
        work = self._work
        cost = self._run(consumer, work.milliseconds(consumer), work.units(consumer))
        # What is parked is read once a batch, a unit a group: at the most as many as there are messages.
        return cost + Cost(tables=self.prices.table_read * self.messages) if work.parks(consumer) else cost

    def _standard(self, consumer: Consumer) -> Cost:
        """The same work one call after the other: an idempotency record, begun and completed, and a PutEvents each.

        That record is in the place of the keys that we claim before the effect.
        """
        assume, fill = self.assume, self._work.fill(consumer)
        writes = len(self._work.writes(consumer, keys=False))
        calls = (min(writes, 1) + 2) * assume.write
        calls += assume.send if consumer.sends_email else 0
        calls += assume.publish if consumer.publishes else 0
        return self._run(consumer, self._work.takes(fill * calls, fill, consumer.memory), units(writes) + 2)

    def _run(self, consumer: Consumer, milliseconds: float, write_units: float, *, effects: bool = True) -> Cost:
        n, assume, prices = self.messages, self.assume, self.prices
        batches = n / self._work.fill(consumer)
        return Cost(
            functions=self._functions(batches, milliseconds, consumer.memory),
            tables=prices.write * (n * write_units),
            events=self._events() if consumer.publishes and effects else 0,
            logs=prices.log_gb
            * ((n * assume.handled_line + batches * (assume.metrics_line + assume.platform_lines)) / GB),
            traces=prices.trace * (batches * assume.sampled),
            email=prices.email * n if consumer.sends_email and effects else 0,
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


def plan_name(consumer: Consumer, plan: Plan) -> str:
    """What to call a plan: `plan_ticket plans RemindTicket`."""
    return f"{consumer.function} plans {plan.command.__name__}"


def _chunks(size: float) -> int:
    return max(1, math.ceil(size / CHUNK))
