"""Lanes: what is urgent does not wait behind what is not, because each has a queue and workers of its own.

A queue with lanes is as many queues: `open_ticket` itself is lane `normal`, `open_ticket_high` and `open_ticket_low`
are the others, each with its dead-letter queue and its function of the same folder. So everything that holds for a
queue and its consumer holds for a lane. `stacks.lane_rules` says what such entries must keep to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stacks.entry import Consumer, Integration, Queue, Route, Subscription
    from stacks.limits import Limit

HIGH, NORMAL, LOW = "high", "normal", "low"
NAMES = (HIGH, NORMAL, LOW)
"""The lanes that there are, the most urgent first."""
LEAST = 2
"""Batches at once of a queue, at the least.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency"""

NOTHING = {"none": ["none"]}
"""A filter that takes no event, as docs/removing-an-integration.md has it for a subscription that goes."""


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """The lanes of a queue, each with its share of the consumer's `concurrency` and of its limits.

    `Lanes(high=5, normal=3, low=2)`: of ten batches at once five are kept for what is urgent, and two for what is least
    so. docs/patterns/priorities.md begins with an example.
    """

    normal: int
    """The share of what is neither high nor low, or says nothing; it is the queue of the entry's own name."""
    high: int | None = None
    """The share of what is urgent, in the queue `<name>_high`; without it there is no such lane."""
    low: int | None = None
    """The share of what can wait, in the queue `<name>_low`; without it there is no such lane."""
    closed: tuple[str, ...] = ()
    """The lanes that nothing is sent to any more, such as `("low",)`: what would go there goes to `normal`, and what is
    there is still handled. An empty one can be taken out."""

    @property
    def shares(self) -> dict[str, int]:
        """The share of each lane that there is, the most urgent first."""
        return {name: share for name in NAMES if (share := getattr(self, name)) is not None}

    @property
    def open(self) -> tuple[str, ...]:
        """The lanes that something may be sent to."""
        return tuple(name for name in self.shares if name not in self.closed)


@dataclass(frozen=True, kw_only=True)
class Range:
    """The numbers from `at_least` on, and `below` another; one of the two may be left out."""

    at_least: float | None = None
    """The first number that is in it."""
    below: float | None = None
    """The first number after it that is not."""

    def holds(self, number: float) -> bool:
        """Whether the number is in it."""
        return (self.at_least is None or number >= self.at_least) and (self.below is None or number < self.below)


Values = tuple[str | bool | int, ...]


@dataclass(frozen=True)
class Lane:
    """Which values of a field mean which lane: `Lane("country", high=("DE", "AT"))`. All others mean `normal`."""

    field: str
    """The field of the contract, which is text, true or false, or of an event a number."""
    _: KW_ONLY
    high: Values | Range = ()
    """The values that mean `high`; of an event's number, they may be a `Range`."""
    low: Values | Range = ()
    """The values that mean `low`."""

    @property
    def said(self) -> dict[str, Values | Range]:
        """What means each lane but `normal`."""
        return {name: means for name, means in ((HIGH, self.high), (LOW, self.low)) if means != ()}


@dataclass(frozen=True)
class Place:
    """Which lane of which queue a queue is. The topology says so of the queues that it makes."""

    lane: str
    queue: str

    @property
    def words(self) -> str:
        """As people read it: `lane high of open_ticket`."""
        return f"lane {self.lane} of {self.queue}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How a route finds the lane of a request, and the queue of each lane. The topology makes it of `Route.lane`."""

    header: str | None = None
    """The header that names the lane; None if a field of the body says it."""
    field: str = ""
    """The field, as it stands in the JSON of the body."""
    means: Mapping[str, Values]
    """What is said for each lane; of the field anything else means `normal`, of the header it is refused."""
    queues: Mapping[str, str]
    """The queue of each lane; that of a closed one is `normal`'s."""

    @property
    def words(self) -> str:
        """What the header may be, as a sentence has it: `high, normal or low`."""
        *before, last = self.queues
        return f"{', '.join(before)} or {last}"

    def queue(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> str:
        """The queue of a request that is not refused."""
        if self.header is not None:
            known = {name.lower(): value for name, value in headers.items()}
            said: Any = known.get(self.header.lower(), NORMAL)
        else:
            said = body.get(self.field)
        found = next((lane for lane, values in self.means.items() if is_among(said, values)), NORMAL)
        return self.queues[found]


def is_among(said: Any, values: Values) -> bool:
    """Whether what is said is one of the values, of the same kind: true is no 1."""
    return any(type(said) is type(value) and said == value for value in values)


def name(queue: str, lane: str) -> str:
    """The word of the queue that is that lane."""
    return queue if lane == NORMAL else f"{queue}_{lane}"


def parts(total: int, shares: Mapping[str, int]) -> dict[str, int]:
    """The total divided by the shares in whole numbers, each less than one away from its share.

    No part of a larger total is smaller, so what is enough for every lane stays enough (Sainte-Laguë's method).
    """
    found = dict.fromkeys(shares, 0)
    for lane in islice(_units(shares), total):
        found[lane] += 1
    return found


def least(shares: Mapping[str, int], each: int) -> int:
    """The smallest total of which every part has `each` at the least."""
    found = dict.fromkeys(shares, 0)
    for lane in _units(shares):
        found[lane] += 1
        if min(found.values()) >= each:
            break
    return sum(found.values())


def _units(shares: Mapping[str, int]) -> Iterator[str]:
    """Who gets one unit after the other, without end: of equals the most urgent."""
    found = dict.fromkeys(shares, 0)
    while True:
        lane = max(shares, key=lambda name: Fraction(shares[name], 2 * found[name] + 1))
        found[lane] += 1
        yield lane


def together(queues: Sequence[Queue], queue: Queue) -> list[str]:
    """The names of the queue's lanes, whose consumers are one handler; its own if it has none."""
    if queue.lane is None:
        return [queue.name]
    return [each.name for each in queues if each.lane is not None and each.lane.queue == queue.lane.queue]


def fed(queues: Sequence[Queue], name: str) -> set[str]:
    """What feeds these queues feeds, or fed, the queue of that name: it itself, and of a closed lane all lanes.

    What a closed lane holds came by what feeds the others now: it is handled, planned and told of as theirs is.
    """
    queue = next((each for each in queues if each.name == name), None)
    return {name, *together(queues, queue)} if queue is not None and is_closed(queue) else {name}


def first(subscriptions: Sequence[Subscription]) -> list[Subscription]:
    """The subscriptions without those of further lanes: of all lanes of a queue an event reaches one."""
    found: dict[tuple[Any, str], Subscription] = {}
    for each in subscriptions:
        found.setdefault((each.event, each.lane.queue if isinstance(each.lane, Place) else each.name), each)
    return list(found.values())


def share(queue: Queue) -> float:
    """The share of what comes that the queue has, if lanes get as much as they are given; 1 without lanes."""
    if queue.lane is None or queue.lanes is None:
        return 1
    shares = {lane: share for lane, share in queue.lanes.shares.items() if lane in queue.lanes.open}
    return shares.get(queue.lane.lane, 0) / sum(shares.values())


def is_normal(queue: Queue) -> bool:
    """Whether the queue is lane `normal` of several."""
    return queue.lane is not None and queue.lane.lane == NORMAL


def in_order(queues: Sequence[Queue]) -> Iterator[tuple[str, str]]:
    """Pairs of lanes of which the first one's rules change before the second one's, so that no event falls between.

    What a lane takes leaves `normal` once the lane has it, and comes back to `normal` before a closed lane gives it up.
    """
    for normal in filter(is_normal, queues):
        for other in queues:
            if other.lane is not None and other.lane.queue == normal.name and not is_normal(other):
                yield (normal.name, other.name) if is_closed(other) else (other.name, normal.name)


def is_closed(queue: Queue) -> bool:
    """Whether nothing is sent to the queue any more, because it is a closed lane."""
    return queue.lane is not None and queue.lanes is not None and queue.lane.lane in queue.lanes.closed


def unfed(queue: Queue) -> str:
    """What to say, after its name, of a queue that nothing feeds."""
    if queue.lane is None:
        return f" is fed by nothing; add a Route, a Subscription, a Schedule or a Plan with queue={queue.name!r}."
    return (
        f", {queue.lane.words}, is fed by nothing; let lane of a Route or Subscription of {queue.lane.queue!r} choose "
        "it, feed it directly, or take it out."
    )


def expanded(integration: Integration) -> Integration:
    """The integration with a queue and a consumer for each lane, and what feeds them; one without lanes as it is."""
    if not any(queue.lanes for queue in integration.queues):
        return integration
    laned = {
        queue.name: queue.lanes
        for queue in integration.queues
        if queue.lanes and (queue.lane is None or is_normal(queue))
    }
    fresh = {queue.name: queue.lanes for queue in integration.queues if queue.lanes and queue.lane is None}
    return replace(
        integration,
        queues=tuple(one for queue in integration.queues for one in _queues(queue)),
        consumers=tuple(one for each in integration.consumers for one in _consumers(each, fresh.get(each.function))),
        routes=tuple(_route(route, laned.get(route.queue)) for route in integration.routes),
        subscriptions=tuple(
            one for each in integration.subscriptions for one in _subscriptions(each, laned.get(each.queue))
        ),
    )


def _queues(queue: Queue) -> Iterator[Queue]:
    if queue.lanes is None or queue.lane is not None:
        yield queue
        return
    for lane in queue.lanes.shares:
        yield replace(queue, name=name(queue.name, lane), lane=Place(lane, queue.name))


def _consumers(consumer: Consumer, lanes: Lanes | None) -> Iterator[Consumer]:
    if lanes is None:
        yield consumer
        return
    assert consumer.concurrency is not None, "stacks.lane_rules says so"
    for lane, at_once in parts(consumer.concurrency, lanes.shares).items():
        function = name(consumer.function, lane)
        yield replace(
            consumer,
            function=function,
            handler=None if function == consumer.folder else consumer.folder,
            concurrency=at_once,
            limits=tuple(_limit(limit, lane, lanes.shares) for limit in consumer.limits),
        )


def _limit(limit: Limit, lane: str, shares: Mapping[str, int]) -> Limit:
    """The lane's part of the limit: all parts together never let through more than the whole."""
    return replace(
        limit,
        rate=None if limit.rate is None else limit.rate * shares[lane] / sum(shares.values()),
        burst=limit.burst if limit.rate is None else parts(limit.burst, shares)[lane],
        at_once=None if limit.at_once is None else parts(limit.at_once, shares)[lane],
    )


def _route(route: Route, lanes: Lanes | None) -> Route:
    if lanes is None or route.lane is None or isinstance(route.lane, Choice):
        return route
    queues = {lane: name(route.queue, lane if lane in lanes.open else NORMAL) for lane in lanes.shares}
    if isinstance(route.lane, Lane):
        means = {lane: values for lane, values in route.lane.said.items() if not isinstance(values, Range)}
        return replace(route, lane=Choice(field=_encoded(route.accepts, route.lane.field), means=means, queues=queues))
    means = {lane: (lane,) for lane in queues}
    if route.lane in route.accepts.__struct_fields__:
        return replace(route, lane=Choice(field=_encoded(route.accepts, route.lane), means=means, queues=queues))
    return replace(route, lane=Choice(header=route.lane, means=means, queues=queues))


def _encoded(contract: Any, field: str) -> str:
    """What the field is called in JSON."""
    encoded: str = contract.__struct_encode_fields__[contract.__struct_fields__.index(field)]
    return encoded


def _subscriptions(subscription: Subscription, lanes: Lanes | None) -> Iterator[Subscription]:
    """One for each lane, whose patterns are such that every event fits exactly one of them.

    That of a closed lane fits none: with its rule would go the permission and the queue of what was not delivered.
    """
    chosen = subscription.lane
    if lanes is None or chosen is None or isinstance(chosen, Place):
        yield subscription
        return
    if isinstance(chosen, str):
        chosen = Lane(chosen, **{lane: (lane,) for lane in lanes.shares if lane != NORMAL})
    said = {lane: means for lane, means in chosen.said.items() if lane in lanes.open}
    field = _encoded(subscription.event, chosen.field)
    filters = {lane: {field: _pattern(means)} for lane, means in said.items()}
    filters[NORMAL] = {field: _others(list(said.values()))} if said else {}
    for lane in lanes.shares:
        if lane not in chosen.said and lane != NORMAL:
            continue
        yield replace(
            subscription,
            queue=name(subscription.queue, lane),
            filter={**subscription.filter, **filters[lane]} if lane in filters else NOTHING,
            lane=Place(lane, subscription.queue),
        )


def takes_nothing(pattern: Mapping[str, Any]) -> bool:
    """Whether a filter takes an event whose data say nothing, as that of lane `normal` does."""
    return all(isinstance(each, list) and {"exists": False} in each for each in pattern.values())


def _pattern(means: Values | Range) -> list[Any]:
    """What EventBridge takes for those values.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    if isinstance(means, Range):
        bounds = [">=", means.at_least] if means.at_least is not None else []
        return [{"numeric": [*bounds, *(["<", means.below] if means.below is not None else [])]}]
    return list(means)


def _others(said: Sequence[Values | Range]) -> list[Any]:
    """What EventBridge takes for all other values, and for none."""
    ranges = [means for means in said if isinstance(means, Range)]
    if ranges:
        found = [one for gap in _gaps(ranges) for one in _pattern(gap)]
    else:
        values = [value for means in said if not isinstance(means, Range) for value in means]
        # What is neither true nor false is not there, and anything-but takes no truth values.
        is_truth = isinstance(values[0], bool)
        found = [each for each in (True, False) if each not in values] if is_truth else [{"anything-but": values}]
    return [*found, {"exists": False}]


def _gaps(ranges: Sequence[Range]) -> Iterator[Range]:
    """The numbers that are in none of the ranges, of which no two meet."""
    at: float | None = None
    first = True
    for each in sorted(ranges, key=lambda one: float("-inf") if one.at_least is None else one.at_least):
        if each.at_least is not None and (first or at != each.at_least):
            yield Range(at_least=at, below=each.at_least)
        at, first = each.below, False
        if at is None:
            return
    yield Range(at_least=at)
