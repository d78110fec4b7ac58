"""The kinds of entry that a topology is made of, and the rules that an entry must keep.

Plain frozen data without `aws_cdk`: the stacks, the operator's command, the local run and the documents all read it.
A rule that is broken raises `TopologyError` with one sentence that names the entry and says what to do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from functions.contracts.contract import Command, Event
from functions.contracts.webhooks import SCHEMES, ReceiveWebhook
from stacks import names

FUNCTIONS = Path(__file__).resolve().parent.parent / "functions"
WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
PARAMETER = re.compile(r"\{([a-z_]+)\}")
DAY = 24 * 60 * 60


class TopologyError(ValueError):
    """An entry makes no sense; the message names it and says what to do."""


Authorization = Literal["iam", "api_key", "jwt"]


@dataclass(frozen=True, kw_only=True)
class Route:
    """An HTTP endpoint that turns a request into a message: API Gateway straight to SQS."""

    path: str
    accepts: type[Command]
    queue: str
    method: str = "POST"
    group: str | None = None
    """The path parameter whose value is the FIFO message group."""
    tenant: str | None = None
    """Who the request is for: `caller` (the authenticated identity), or the name of a header in which callers that are
    trusted to say so name the tenant; without it the identity counts. On a standard queue tenants share fairly.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html"""
    delay: bool = False
    """A `Delay-Seconds` header (0 to 900) may hold the message back. Standard queues only."""
    authorization: Authorization | None = None
    """Who may call it, where that is not what the stage says."""
    rate: float | None = None
    """Requests a second that this route takes in the long run, within what the stage takes."""
    burst: int | None = None
    """Requests that this route takes at once."""
    senders: Mapping[str, str] = field(default_factory=dict)
    """Webhooks only: who may send, each with the scheme by which it signs. The name is the value of the path parameter
    `{source}`; the secret's name is `<sender>_webhook`."""

    @property
    def name(self) -> str:
        """How people and logs call the route: `POST /v1/orders`."""
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(PARAMETER.findall(self.path))


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A work queue, which always has a dead-letter queue of the same type."""

    name: str
    fifo: bool = False
    retention: int = 4 * DAY
    """Seconds a message may wait. The dead-letter queue always keeps 14 days, SQS's longest."""
    receives: int = 5
    """Receives before SQS moves a message to the dead-letter queue."""
    backoff_base: float = 2
    """Seconds that a message waits after its first failure, at the most; the wait doubles with every further one."""
    backoff_cap: float = 900
    """Seconds that a message waits after a failure, at the most."""
    on_poison: Literal["continue", "halt"] = "continue"
    """What a FIFO group does about a message that keeps failing.

    `continue`: the message goes to the dead-letter queue after its receives, and the group goes on without it. `halt`:
    nothing of the group overtakes it; the group stands still until a person removes the cause, and the next try
    succeeds. Its cost: the message is tried again and again, at the latest every `backoff_cap` seconds, and the alarm
    that tells is the age of the oldest message, not the dead-letter queue. What is not mended within nine tenths of the
    retention goes to the dead-letter queue after all, because SQS would delete it at the end.
    """


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a function may do with a table: the table's name and DynamoDB actions such as `PutItem`."""

    table: str
    actions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A Lambda function, named after its folder in `functions/`, and how it takes messages from its queue.

    The queue it takes them from has the same name.
    """

    function: str
    batch: int = 10
    """Messages a batch, at the most."""
    window: int = 0
    """Seconds to wait for a fuller batch."""
    timeout: int = 30
    """Seconds one batch may take."""
    memory: int = 256
    """MB."""
    concurrency: int | None = None
    """Batches at once, at the most (2 to 1,000)."""
    access: tuple[Access, ...] = ()
    publishes: tuple[type[Event], ...] = ()
    sends_email: bool = False
    secrets: tuple[str, ...] = ()
    """The secrets it reads, by their names in Secrets Manager without project and stage."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """An event that reaches a queue; `filter` narrows it by the event's data, in EventBridge's pattern language."""

    event: type[Event]
    queue: str
    filter: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How people call the subscription: `reserve_stock on OrderAccepted`."""
        return f"{self.queue} on {self.event.__name__}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A DynamoDB table with a string partition key; items with `expires_at` (epoch seconds) go after that time."""

    name: str
    key: str
    expires: bool = False


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Everything that exists, checked when it is made.

    Raises `TopologyError` for an entry that makes no sense.
    """

    routes: tuple[Route, ...]
    queues: tuple[Queue, ...]
    consumers: tuple[Consumer, ...]
    subscriptions: tuple[Subscription, ...]
    tables: tuple[Table, ...]

    def __post_init__(self) -> None:
        for rule in (_names, _queues, _consumers, _routes, _webhooks, _subscriptions):
            rule(self)

    def queue(self, name: str) -> Queue:
        """The queue of that name. Raises `KeyError` if there is none."""
        return {queue.name: queue for queue in self.queues}[name]

    def consumer(self, name: str) -> Consumer:
        """The consumer of the queue of that name. Raises `KeyError` if there is none."""
        return {consumer.function: consumer for consumer in self.consumers}[name]

    def secrets(self) -> tuple[str, ...]:
        """Every secret that some consumer reads, once."""
        return tuple(sorted({secret for consumer in self.consumers for secret in consumer.secrets}))

    def subscribers(self) -> tuple[Consumer, ...]:
        """The consumers whose queues are fed by events, in the topology's order."""
        fed = {subscription.queue for subscription in self.subscriptions}
        return tuple(consumer for consumer in self.consumers if consumer.function in fed)

    def workers(self) -> tuple[Consumer, ...]:
        """The consumers whose queues are fed by routes, in the topology's order."""
        fed = {route.queue for route in self.routes}
        return tuple(consumer for consumer in self.consumers if consumer.function in fed)


def _refuse(broken: bool, sentence: str) -> None:
    if broken:
        raise TopologyError(sentence)


def _repeated(words: Iterable[str]) -> str | None:
    return next((word for word, times in Counter(words).items() if times > 1), None)


def _names(topology: Topology) -> None:
    for kind, words in (
        ("Queue", [queue.name for queue in topology.queues]),
        ("Consumer", [consumer.function for consumer in topology.consumers]),
        ("Table", [table.name for table in topology.tables]),
    ):
        for word in words:
            _refuse(
                not WORD.fullmatch(word) or len(word) > 40,
                f"{kind} {word!r}: a name is at most 40 characters of lower_case_words; rename it.",
            )
        twice = _repeated(words)
        _refuse(twice is not None, f"{kind} {twice!r} is listed twice; remove one or rename it.")


def _queues(topology: Topology) -> None:
    routed = {route.queue for route in topology.routes}
    subscribed = {subscription.queue for subscription in topology.subscriptions}
    for queue in topology.queues:
        entry = f"Queue {queue.name!r}"
        _refuse(
            not any(consumer.function == queue.name for consumer in topology.consumers),
            f"{entry} has no consumer; add Consumer(function={queue.name!r}).",
        )
        _refuse(
            queue.name not in routed | subscribed,
            f"{entry} is fed by nothing; add a Route or a Subscription with queue={queue.name!r}.",
        )
        _refuse(
            queue.name in routed and queue.name in subscribed,
            f"{entry} is fed by a route and by an event; give each a queue of its own.",
        )
        _refuse(not 3 <= queue.receives <= 1000, f"{entry}: receives is {queue.receives}; choose 3 to 1,000.")
        _refuse(
            not 1 <= queue.backoff_base <= queue.backoff_cap <= 11 * 3600,
            f"{entry}: backoff goes from {queue.backoff_base} s to {queue.backoff_cap} s; "
            "choose at least 1 s, at most 11 hours, and a base that is not above the cap.",
        )
        _refuse(
            queue.on_poison == "halt" and not queue.fifo,
            f"{entry} is standard and has no groups to halt; make it fifo=True or leave on_poison out.",
        )
        _refuse(
            queue.on_poison == "halt" and queue.receives != 1000,
            f"{entry} halts at a poison message, which takes all the receives that SQS knows; set receives=1000.",
        )
        _refuse(
            not 60 <= queue.retention < 14 * DAY,
            f"{entry}: retention is {queue.retention} s; choose 60 s to less than 14 days, "
            "which is what the dead-letter queue keeps.",
        )


def _consumers(topology: Topology) -> None:
    queues = {queue.name: queue for queue in topology.queues}
    tables = {table.name for table in topology.tables}
    for consumer in topology.consumers:
        entry = f"Consumer {consumer.function!r}"
        folder = FUNCTIONS / consumer.function
        _refuse(
            not (folder / "handler.py").is_file(),
            f"{entry}: there is no functions/{consumer.function}/handler.py; add it or correct the name.",
        )
        queue = queues.get(consumer.function)
        if queue is None:
            raise TopologyError(f"{entry} has no queue; add Queue(name={consumer.function!r}).")
        most = 10 if queue.fifo else 10_000
        _refuse(not 1 <= consumer.batch <= most, f"{entry}: batch is {consumer.batch}; choose 1 to {most:,}.")
        _refuse(queue.fifo and consumer.window > 0, f"{entry}: a FIFO queue takes no batch window; set window=0.")
        _refuse(not 0 <= consumer.window <= 300, f"{entry}: window is {consumer.window} s; choose 0 to 300.")
        _refuse(
            consumer.batch > 10 and consumer.window == 0,
            f"{entry}: a batch of {consumer.batch} needs a batch window; set window to 1 s or more.",
        )
        _refuse(not 1 <= consumer.timeout <= 900, f"{entry}: timeout is {consumer.timeout} s; choose 1 to 900.")
        _refuse(
            consumer.concurrency is not None and not 2 <= consumer.concurrency <= 1000,
            f"{entry}: concurrency is {consumer.concurrency}; choose 2 to 1,000, or leave it out.",
        )
        for access in consumer.access:
            _refuse(
                access.table not in tables, f"{entry} uses table {access.table!r}, which is not listed; add the Table."
            )


def _routes(topology: Topology) -> None:
    queues = {queue.name: queue for queue in topology.queues}
    twice = _repeated(route.name for route in topology.routes)
    _refuse(twice is not None, f"Route {twice} is listed twice; remove one or change its path.")
    for route in topology.routes:
        entry = f"Route {route.name}"
        _refuse(not route.path.startswith("/"), f"{entry}: a path starts with '/'.")
        queue = queues.get(route.queue)
        if queue is None:
            raise TopologyError(f"{entry} feeds queue {route.queue!r}, which is not listed; add the Queue.")
        _refuse(
            queue.fifo and route.group is None,
            f"{entry} feeds FIFO queue {queue.name!r} without a group; set group to one of its path parameters.",
        )
        _refuse(
            not queue.fifo and route.group is not None,
            f"{entry} has a group, but queue {queue.name!r} is standard; make it fifo=True or drop the group.",
        )
        _refuse(
            route.group is not None and route.group not in route.parameters,
            f"{entry}: group {route.group!r} is not a parameter of the path; write {{{route.group}}} in it.",
        )
        _refuse(
            route.tenant is not None and route.tenant != "caller" and not HEADER.fullmatch(route.tenant),
            f"{entry}: tenant {route.tenant!r} is neither 'caller' nor a header's name; write it like X-Tenant-Id.",
        )
        _refuse(
            queue.fifo and route.delay,
            f"{entry}: a FIFO queue takes no delay of a single message; drop delay or make {queue.name!r} standard.",
        )
        _refuse(
            (route.rate is None) != (route.burst is None),
            f"{entry}: rate and burst limit together; set both or neither.",
        )


def _webhooks(topology: Topology) -> None:
    for route in topology.routes:
        entry = f"Route {route.name}"
        _refuse(
            bool(route.senders) != issubclass(route.accepts, ReceiveWebhook),
            f"{entry}: senders and the contract ReceiveWebhook go together; use both or neither.",
        )
        if not route.senders:
            continue
        _refuse(
            "source" not in route.parameters, f"{entry} has senders; write {{source}} in its path to tell them apart."
        )
        _refuse(
            route.authorization is not None,
            f"{entry} is authorized by its signatures; drop authorization.",
        )
        secrets = topology.consumer(route.queue).secrets
        for sender, scheme in route.senders.items():
            _refuse(not WORD.fullmatch(sender), f"{entry}: sender {sender!r} is not lower_case_words; rename it.")
            _refuse(
                scheme not in SCHEMES,
                f"{entry}: sender {sender!r} signs by {scheme!r}; choose one of {', '.join(SCHEMES)}.",
            )
            _refuse(
                f"{sender}_webhook" not in secrets,
                f"{entry}: add '{sender}_webhook' to the secrets of consumer {route.queue!r}, which checks signatures.",
            )


def _subscriptions(topology: Topology) -> None:
    queues = {queue.name: queue for queue in topology.queues}
    published = {event for consumer in topology.consumers for event in consumer.publishes}
    twice = _repeated(subscription.name for subscription in topology.subscriptions)
    _refuse(twice is not None, f"Subscription {twice} is listed twice; remove one.")
    for subscription in topology.subscriptions:
        entry = f"Subscription {subscription.name}"
        queue = queues.get(subscription.queue)
        if queue is None:
            raise TopologyError(f"{entry} feeds queue {subscription.queue!r}, which is not listed; add the Queue.")
        _refuse(
            queue.fifo,
            f"{entry}: EventBridge keeps no order, so a FIFO queue would only look ordered; use a standard queue.",
        )
        # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
        longest = names.rule("x" * names.LONGEST_STAGE, subscription.queue, subscription.event.__name__)
        _refuse(
            len(longest) > 64,
            f"{entry}: its rule's name would pass the 64 characters that EventBridge takes by {len(longest) - 64}; "
            "shorten the queue's or the event's name.",
        )
        _refuse(
            subscription.event not in published,
            f"{entry}: no consumer publishes {subscription.event.__name__}; add it to one's publishes.",
        )
