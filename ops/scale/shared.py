"""What all consumers share: Lambda, the bus, e-mail, secrets, the stage's key, logs, and what happens to failures."""

from __future__ import annotations

from collections.abc import Iterator

from functions.contracts.pause import PAUSE_CONSUMER
from ops.scale import edge
from ops.scale.basis import Basis
from ops.scale.limit import Hop
from ops.scale.load import Load
from ops.scale.quotas import listed
from stacks import names
from stacks.entry import Consumer

DAY = 86_400
AGAIN = "its messages come again later"
LATE = "events arrive later, and none is lost"


def hops(basis: Basis, load: Load) -> Iterator[Hop]:
    """Each that the load uses, with the sum of all that use it."""
    rate = sum(load.consumers.values())
    yield _functions(basis, load, rate)
    yield from _bus(basis, load)
    yield from _email(basis, load)
    yield from _secrets(basis, load)
    yield from _scheduler(basis, load)
    yield from _key(basis, load, rate)
    yield from _failures(basis, load, rate)
    yield _logs(basis, load, rate)


def delivery(basis: Basis, load: Load, name: str) -> Hop:
    """What the bus brings to one subscription."""
    rate = load.subscriptions[name]
    return Hop(name=name, rate=rate, limits=(basis.quota("deliveries", "deliveries/s", rate, LATE),))


def _consumers(basis: Basis, load: Load) -> list[tuple[Consumer, float]]:
    """Every consumer of the load, with its messages a second."""
    return [(basis.topology.consumer(name), rate) for name, rate in load.consumers.items()]


def _functions(basis: Basis, load: Load, rate: float) -> Hop:
    checks = edge.checks(basis, edge.authorized(basis, load, "jwt"))
    runs = sum(basis.at_once(*each) for each in _consumers(basis, load)) + checks * basis.traffic.check
    invocations = sum(basis.batches(*each) for each in _consumers(basis, load)) + checks
    then = "Lambda throttles: batches come again later, and each time is one of the queue's receives"
    workers, ask = basis.quotas.most("lambda_concurrency"), listed()["lambda_concurrency"].asked_by
    limits = (
        basis.quota("lambda_concurrency", "runs at once", runs, then),
        basis.quota("worker_invocations", "runs/s", invocations, then, setting=ask, times=workers),
    )
    return Hop(name="all functions", rate=rate, limits=limits)


def _bus(basis: Basis, load: Load) -> Iterator[Hop]:
    tellers = [(consumer, rate) for consumer, rate in _consumers(basis, load) if consumer.publishes]
    if not tellers and not load.subscriptions:
        return
    calls = sum(basis.batches(*each) * basis.work.put_events(each[0]) for each in tellers)
    then = f"a function tries three times, then {AGAIN}"
    limits = [basis.quota("put_events", "PutEvents/s", calls, then)] if tellers else []
    if load.subscriptions:
        limits.append(basis.quota("deliveries", "deliveries/s", sum(load.subscriptions.values()), LATE))
    yield Hop(
        name="event bus",
        rate=sum(rate for _, rate in tellers) or sum(load.subscriptions.values()),
        limits=tuple(limits),
    )


def _email(basis: Basis, load: Load) -> Iterator[Hop]:
    rate = sum(rate for consumer, rate in _consumers(basis, load) if consumer.sends_email)
    if any(consumer.sends_email for consumer, _ in _consumers(basis, load)):
        limits = (
            basis.quota("email_rate", "mails/s", rate, f"a function tries five times, then {AGAIN}"),
            basis.quota(
                "email_day",
                "mails a day",
                rate * DAY,
                "SES refuses mails until a day has passed, and their messages wait",
            ),
        )
        own = {"email_rate", "email_day"} & set(basis.quotas.own)
        yield Hop(name="e-mail" if own else "e-mail in SES's sandbox", rate=rate, limits=limits)


def _secrets(basis: Basis, load: Load) -> Iterator[Hop]:
    """A worker reads its secrets again once what it has is no longer fresh."""
    readers = [(consumer, rate) for consumer, rate in _consumers(basis, load) if consumer.secrets]
    reads = sum(basis.at_once(*each) * len(each[0].secrets) / basis.traffic.fresh for each in readers)
    if readers:
        then = "workers go on with the secrets that they have"
        yield Hop(
            name="secrets",
            rate=sum(rate for _, rate in readers),
            limits=(basis.quota("secret_reads", "reads/s", reads, then, stops=False),),
        )


def _scheduler(basis: Basis, load: Load) -> Iterator[Hop]:
    """A schedule is made for each command that is planned, and fires once."""
    rate = sum(load.planned.values())
    if load.planned:
        limits = (
            basis.quota("schedules_made", "schedules/s", rate, f"plan_command makes no more, and {AGAIN}"),
            basis.quota("schedules_fired", "runs/s", rate, "Scheduler sends the rest later"),
        )
        yield Hop(name="EventBridge Scheduler", rate=rate, limits=limits)


def _key(basis: Basis, load: Load, rate: float) -> Iterator[Hop]:
    """With a key of its own everything is sealed and opened, twice a message at the most, and twice an event."""
    if basis.settings.customer_key:
        told = sum(each for consumer, each in _consumers(basis, load) if consumer.publishes)
        then = "services cannot use the key: callers get a 5xx, and messages wait"
        yield Hop(name="key", rate=rate, limits=(basis.quota("key_calls", "key calls/s", 2 * (rate + told), then),))


def _failures(basis: Basis, load: Load, rate: float) -> Iterator[Hop]:
    """The causes of what fails, and what each worker says, once in a while, of a service that is away."""
    failing = rate * basis.traffic.failing
    then = "causes are written later, and may be missing"
    writes = (
        basis.quota("table_writes", "writes/s", failing, then, stops=False),
        basis.quota("new_table_writes", "writes/s at first", failing, then, stops=False),
    )
    yield Hop(name=f"table {names.FAILURES}", rate=failing, limits=writes)
    busiest = max((basis.at_once(*each) for each in _consumers(basis, load)), default=0)
    then = "a consumer is paused later"
    reports = basis.quota("fifo_group_sends", "sends/s a group", busiest / basis.traffic.silence, then, stops=False)
    yield Hop(name=f"queue {PAUSE_CONSUMER}", rate=busiest / basis.traffic.silence, limits=(reports,))


def _logs(basis: Basis, load: Load, rate: float) -> Hop:
    puts = sum(basis.batches(*each) for each in _consumers(basis, load))
    then = "lines of the log are late or lost, and messages go on"
    return Hop(name="logs", rate=rate, limits=(basis.quota("log_puts", "calls/s", puts, then, stops=False),))
