"""A queue and its consumer: what is in flight, how many batches run at once, and how fast a FIFO group can be."""

from __future__ import annotations

from collections.abc import Iterator

from ops.scale.basis import MAP, Basis
from ops.scale.limit import Hop, Limit
from ops.scale.load import Load
from stacks.entry import Consumer, Queue

DAY = 86_400


def hops(basis: Basis, load: Load, name: str) -> Iterator[Hop]:
    """The queue of that name, then the consumer."""
    queue, consumer = basis.topology.queue(name), basis.topology.consumer(name)
    rate = load.consumers[name]
    limits = _fifo(basis, load, queue, consumer) if queue.fifo else (_in_flight(basis, consumer, rate, "queue"),)
    yield Hop(name=f"queue {name}", rate=rate, limits=limits)
    at_once = _at_once(basis, queue, consumer, rate)
    found = (at_once, _group(basis, consumer, rate)) if queue.fifo else (at_once,)
    yield Hop(name=name, rate=rate, limits=found, ramp=_ramp(basis, at_once))


def _in_flight(basis: Basis, consumer: Consumer, rate: float, kind: str) -> Limit:
    """A message is in flight while its batch fills and runs."""
    need = rate * (consumer.window + basis.seconds(consumer))
    then = "SQS hands out no more until some are deleted, and the rest wait"
    return basis.quota(f"{kind}_in_flight", "in flight", need, then)


def _fifo(basis: Basis, load: Load, queue: Queue, consumer: Consumer) -> tuple[Limit, ...]:
    """API Gateway sends each message alone; a group is in one partition of its queue."""
    fifo = {each.name for each in basis.topology.queues if each.fifo}
    rate = load.consumers[queue.name]
    every = sum(each for name, each in load.consumers.items() if name in fifo)
    then = "SQS refuses the send: callers get a 503 and must ask again"
    return (
        _in_flight(basis, consumer, rate, "fifo"),
        basis.quota("fifo_sends", "sends/s", every, then),
        basis.quota("fifo_group_sends", "sends/s a group", rate * basis.traffic.hot, then, setting="Route.group"),
    )


def _at_once(basis: Basis, queue: Queue, consumer: Consumer, rate: float) -> Limit:
    need = basis.at_once(consumer, rate)
    unit = "batches at once"
    if consumer.concurrency is None:
        most = basis.quotas.most("mapping_batches")
        return basis.quota("mapping_batches", unit, need, _backlog(queue, rate, need / most))
    then = _backlog(queue, rate, need / consumer.concurrency)
    return Limit(unit=unit, most=consumer.concurrency, need=need, then=then, setting="Consumer.concurrency", source=MAP)


def _group(basis: Basis, consumer: Consumer, rate: float) -> Limit:
    """A group has one batch at a time."""
    return Limit(
        unit="messages/s a group",
        most=basis.work.fill(consumer) / basis.seconds(consumer),
        need=rate * basis.traffic.hot,
        then="the rest of that group waits in the queue, and no other does",
        setting="Route.group",
        source="https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
    )


def _backlog(queue: Queue, rate: float, share: float) -> str:
    """What waits, and for how long: what is done is always the oldest, so ages grow as the queue does."""
    if share <= 1:
        return "the rest waits in the queue"
    late = 1 - 1 / share
    days = queue.retention / late / DAY
    return f"{rate * late:,.0f} more wait every second, and after {days:.1f} days SQS deletes the first"


def _ramp(basis: Basis, limit: Limit) -> float:
    """Seconds from idle, when Lambda reads a few batches at once, until it reads as many as are needed, or may be."""
    more = min(limit.need, limit.most) - basis.quotas.most("mapping_start")
    return max(more, 0) / basis.quotas.most("mapping_growth") * 60
