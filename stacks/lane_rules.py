"""What lanes, and what chooses one, must keep to: one sentence a broken rule."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.inspect import BoolType, EnumType, FloatType, IntType, LiteralType, Metadata, NoneType, StrType, UnionType

from functions.contracts.contract import Command, Event
from functions.contracts.path import path_field
from stacks.lanes import (
    LEAST,
    NAMES,
    NORMAL,
    NOTHING,
    Choice,
    Lane,
    Lanes,
    Place,
    Range,
    Values,
    is_among,
    least,
    name,
    parts,
)
from stacks.rules import HEADER, TAKEN

if TYPE_CHECKING:
    from stacks.entry import Consumer, Integration, Queue, Topology
    from stacks.route import Route

Contract = type[Command] | type[Event]
VALUE = re.compile(r"[A-Za-z0-9 _.:@+/-]{1,100}")
"""A text that means the same in a pattern and in a template."""
LARGEST = 5_000_000_000
"""What EventBridge compares numbers up to, on either side of zero.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-numeric-matching"""


def refusals(topology: Topology) -> Iterator[str]:
    """What is wrong with the lanes of the topology's queues, and with what chooses them."""
    for integration in topology.integrations:
        for queue in integration.queues:
            if queue.lanes is not None and queue.lane is None:
                yield from _queue(queue, integration, topology)
            elif queue.lane is not None and not isinstance(queue.lanes, Lanes):
                yield f"Queue {queue.name!r}: lane is for the topology to say; leave it out, and write lanes=Lanes(…)."
        yield from _choices(integration)
        yield from _closed(integration)


def _queue(queue: Queue, integration: Integration, topology: Topology) -> Iterator[str]:
    entry, lanes = f"Queue {queue.name!r}", queue.lanes
    if not isinstance(lanes, Lanes):
        yield f"{entry}: lanes is one {type(lanes).__name__}; write lanes=Lanes(high=…, normal=…, low=…)."
        return
    if queue.fifo:
        yield f"{entry} is FIFO, and lanes would take messages of one group out of their order; drop one of the two."
    yield from _lanes(lanes, entry)
    words = [*(each.name for each in topology.queues), *(each.function for each in topology.consumers)]
    for lane in lanes.shares:
        word = name(queue.name, lane)
        if len(word) > 40:
            yield f"{entry}: its lane is called {word!r}, and a name is at most 40 characters; shorten it."
        if lane != NORMAL and word in words:
            yield f"{entry}: its lane {lane} is called {word!r}, and another entry is so called; rename that one."
    consumer = next((each for each in integration.consumers if each.function == queue.name), None)
    if consumer is None:
        yield f"{entry} has no consumer; add Consumer(function={queue.name!r}) to integration {integration.name!r}."
    else:
        yield from _consumer(consumer, lanes)


def _lanes(lanes: Lanes, entry: str) -> Iterator[str]:
    if len(lanes.shares) == 1:
        yield f"{entry} has one lane, which is a queue without lanes; give it high, low or both, or drop lanes."
    for lane, share in lanes.shares.items():
        if isinstance(share, bool) or not isinstance(share, int) or not 1 <= share <= 1000:
            yield f"{entry}: the share of lane {lane} is {share!r}; choose a whole number from 1 to 1,000."
    if not isinstance(lanes.closed, tuple):
        yield f"{entry}: closed is {lanes.closed!r}, and a tuple belongs there; write closed=('low',)."
        return
    for lane in lanes.closed:
        if lane not in lanes.shares or lane == NORMAL:
            others = " or ".join(repr(each) for each in lanes.shares if each != NORMAL)
            yield f"{entry} closes lane {lane!r}; it can close {others}."


def _consumer(consumer: Consumer, lanes: Lanes) -> Iterator[str]:
    """Whether what it has can be divided."""
    entry, shares = f"Consumer {consumer.function!r}", lanes.shares
    told = ":".join(str(share) for share in shares.values())
    if any(not isinstance(share, int) or share < 1 for share in shares.values()):
        return
    if consumer.concurrency is None:
        wanted = least(shares, LEAST)
        yield f"{entry} has lanes, which share its concurrency; set concurrency, to {wanted} or more."
    elif min(parts(consumer.concurrency, shares).values()) < LEAST:
        yield (
            f"{entry}: concurrency {consumer.concurrency} in shares of {told} leaves a lane less than {LEAST}, the "
            f"least that Lambda takes; set it to {least(shares, LEAST)} or more."
        )
    for limit in consumer.limits:
        for field, total in (("burst", limit.burst if limit.rate else None), ("at_once", limit.at_once)):
            if isinstance(total, int) and total >= 1 and min(parts(total, shares).values()) < 1:
                yield (
                    f"{entry}, Limit {limit.name!r}: {field} {total} in shares of {told} leaves a lane without any; "
                    f"set it to {least(shares, 1)} or more."
                )


def _choices(integration: Integration) -> Iterator[str]:
    queues = {queue.name: queue for queue in integration.queues}
    for route in integration.routes:
        if route.lane is not None and not isinstance(route.lane, Choice):
            yield from _route(route, f"Route {route.name}", queues.get(route.queue))
    for subscription in integration.subscriptions:
        if subscription.lane is not None and not isinstance(subscription.lane, Place):
            entry = f"Subscription {subscription.name}"
            queue = queues.get(subscription.queue)
            if queue is None or not isinstance(queue.lanes, Lanes):
                yield _no_lanes(entry, subscription.queue)
                continue
            lane = subscription.lane
            field = lane.field if isinstance(lane, Lane) else lane
            if field in _mentioned(subscription.filter):
                yield f"{entry}: its filter is about {field!r}, which chooses the lane; narrow it by another field."
            yield from _field(lane, subscription.event, queue.lanes, entry)


def _closed(integration: Integration) -> Iterator[str]:
    """What feeds a closed lane by its name. A plan may: what it cancels is known by the queue that it names."""
    if integration.retired:
        return
    closed = {
        name(base, lane): f"lane {lane} of {base!r}"
        for queue in integration.queues
        if isinstance(queue.lanes, Lanes) and isinstance(queue.lanes.closed, tuple)
        for base in (queue.lane.queue if queue.lane else queue.name,)
        for lane in queue.lanes.closed
        if lane != NORMAL
    }
    entries = [
        *((f"Route {each.name}", each.queue) for each in integration.routes if not each.retired),
        *((f"Schedule {each.name!r}", each.queue) for each in integration.schedules),
        *(
            (f"Subscription {each.name}", each.queue)
            for each in integration.subscriptions
            if not isinstance(each.lane, Place) and each.filter != NOTHING
        ),
    ]
    for entry, queue in entries:
        if queue in closed:
            base = queue.rpartition("_")[0]
            yield f"{entry} feeds {closed[queue]}, which is closed; name {base!r} in its place, or open the lane."


def _no_lanes(entry: str, queue: str) -> str:
    return f"{entry} chooses a lane, and queue {queue!r} has none; give it lanes=Lanes(…), or drop lane."


def _route(route: Route, entry: str, queue: Queue | None) -> Iterator[str]:
    lane = route.lane
    if queue is None or not isinstance(queue.lanes, Lanes):
        yield _no_lanes(entry, route.queue)
        return
    if route.senders:
        yield f"{entry}: a webhook's sender knows nothing of lanes; drop lane."
        return
    if isinstance(lane, str) and lane not in route.accepts.__struct_fields__:
        if not HEADER.fullmatch(lane) or lane.islower():
            yield (
                f"{entry}: lane {lane!r} is neither a field of {route.accepts.__name__} nor a header's name; write it "
                "like X-Priority."
            )
        elif lane.lower() in TAKEN or lane.lower() == (route.tenant_header or "").lower():
            yield f"{entry}: header {lane!r} means something else already; choose another, such as X-Priority."
        return
    assert lane is not None
    yield from _field(lane, route.accepts, queue.lanes, entry)


def _field(lane: Any, contract: Contract, lanes: Lanes, entry: str) -> Iterator[str]:
    """What is wrong with a field that chooses the lane."""
    if not isinstance(lane, (str, Lane)):
        yield f"{entry}: lane is one {type(lane).__name__}; name a field, or write Lane(field, high=…, low=…)."
        return
    name = lane if isinstance(lane, str) else lane.field
    known = {each.name: each for each in msgspec.structs.fields(contract)}
    field, word = known.get(name), f"{contract.__name__}.{name}"
    from_path = path_field(contract) if field is not None else None
    if field is None or (from_path is not None and from_path.name == name):
        yield f"{entry}: its lane is chosen by {name!r}, which is no field of {contract.__name__}'s body; correct it."
        return
    if not field.encode_name.isidentifier():
        yield f"{entry}: {word} is {field.encode_name!r} in JSON, which is no plain word; choose by another field."
    kinds = list(_kinds(msgspec.inspect.type_info(field.type)))
    if issubclass(contract, Event) and any(isinstance(kind, NoneType) for kind in kinds):
        yield f"{entry}: {word} may be null, which a pattern in a template cannot say; leave it out instead."
    kinds = [kind for kind in kinds if not isinstance(kind, NoneType)]
    if isinstance(lane, str):
        if not _names_lanes(kinds, lanes):
            yield (
                f"{entry}: {word} may say more than {', '.join(lanes.shares)}; give it the type Literal of these, or "
                f"say which values mean which by Lane({name!r}, …)."
            )
        said: dict[str, Values] = {each: (each,) for each in lanes.shares}
    else:
        broken = [*_values(lane, field.type, kinds, lanes, f"{entry}: {word}", is_event=issubclass(contract, Event))]
        yield from broken
        if broken:
            return
        said = {each: values for each, values in lane.said.items() if not isinstance(values, Range)}
    # As JSON has it: of an enumeration its value.
    default = None if field.default is msgspec.NODEFAULT else msgspec.to_builtins(field.default)
    meant = next((each for each, values in said.items() if is_among(default, values)), NORMAL)
    if meant != NORMAL and issubclass(contract, Command):
        yield (
            f"{entry}: {word} is {default!r} where a request leaves it out, and that goes to lane {NORMAL}; choose a "
            f"default that does not mean {meant}."
        )


def _kinds(kind: Any) -> Iterator[Any]:
    if isinstance(kind, Metadata):
        yield from _kinds(kind.type)
    elif isinstance(kind, UnionType):
        for each in kind.types:
            yield from _kinds(each)
    else:
        yield kind


def _names_lanes(kinds: list[Any], lanes: Lanes) -> bool:
    return bool(kinds) and all(
        isinstance(kind, LiteralType) and {*kind.values} <= {*lanes.shares, NORMAL} for kind in kinds
    )


def _values(lane: Lane, type_: Any, kinds: list[Any], lanes: Lanes, entry: str, *, is_event: bool) -> Iterator[str]:
    if not lane.said:
        yield f"{entry} chooses the lane by no value; say high=(…,), low=(…,) or both."
        return
    for each in lane.said:
        if each not in lanes.shares:
            yield f"{entry} chooses lane {each!r}, which the queue does not have; it has {', '.join(lanes.shares)}."
    ranges = [means for means in lane.said.values() if isinstance(means, Range)]
    if ranges:
        yield from _ranges(ranges, kinds, entry, is_event=is_event, alone=len(ranges) == len(lane.said))
        return
    known = (StrType, LiteralType, EnumType, BoolType, *((IntType,) if is_event else ()))
    if not kinds or not all(isinstance(kind, known) for kind in kinds) or len({type(kind) for kind in kinds}) > 1:
        words = "text, true or false, or a whole number" if is_event else "text, or true or false"
        yield f"{entry} chooses the lane, and is not {words}; choose by another field."
        return
    seen: set[Any] = set()
    for values in lane.said.values():
        if not isinstance(values, tuple):
            yield f"{entry}: {values!r} means a lane, and a tuple belongs there; write ({values!r},)."
            return
        for value in values:
            if isinstance(value, str) and not VALUE.fullmatch(value):
                yield f"{entry} chooses a lane by {value!r}; write 1 to 100 letters, digits or any of ' _.:@+/-'."
            try:
                msgspec.convert(value, type_)
            except msgspec.ValidationError:
                yield f"{entry} chooses a lane by {value!r}, which it can never be; correct it."
            if value in seen:
                yield f"{entry} chooses a lane by {value!r} twice; remove one."
            seen.add(value)


def _ranges(ranges: list[Range], kinds: list[Any], entry: str, *, is_event: bool, alone: bool) -> Iterator[str]:
    if not is_event:
        yield f"{entry}: a template of API Gateway compares no numbers; choose by text, or by true or false."
        return
    if not alone:
        yield f"{entry} chooses one lane by a range and another by values; write two ranges."
        return
    if not kinds or not all(isinstance(kind, (IntType, FloatType)) for kind in kinds):
        yield f"{entry} chooses the lane by a range, and is no number; choose by its values."
        return
    for kind in kinds:
        lowest, highest = (kind.ge if kind.ge is not None else kind.gt), (kind.le if kind.le is not None else kind.lt)
        if lowest is None or highest is None or lowest < -LARGEST or highest > LARGEST:
            yield (
                f"{entry} has no bounds, and EventBridge compares numbers up to {LARGEST:,} only; give it "
                "Meta(ge=…, le=…)."
            )
    for each in ranges:
        if any(not _is_number(bound) for bound in (each.at_least, each.below) if bound is not None):
            yield f"{entry}: {each!r} begins or ends at what is no number; write one such as Range(below=10)."
            return
        if each.at_least is None and each.below is None:
            yield f"{entry}: Range() is every number; set at_least, below, or both."
        elif each.at_least is not None and each.below is not None and each.at_least >= each.below:
            yield f"{entry}: no number is at least {each.at_least:g} and below {each.below:g}; correct it."
        elif any(bound is not None and abs(bound) > LARGEST for bound in (each.at_least, each.below)):
            yield f"{entry}: a bound is beyond {LARGEST:,}, which EventBridge compares up to; choose a nearer one."
    if len(ranges) == len(NAMES) - 1 and _meet(*ranges):
        yield f"{entry}: some numbers mean both high and low; let one range begin where the other ends."


def _is_number(bound: Any) -> bool:
    return isinstance(bound, (int, float)) and not isinstance(bound, bool) and math.isfinite(bound)


def _meet(one: Range, other: Range) -> bool:
    low = max((each.at_least for each in (one, other) if each.at_least is not None), default=None)
    high = min((each.below for each in (one, other) if each.below is not None), default=None)
    return low is None or high is None or low < high


def _mentioned(pattern: Any) -> Iterator[str]:
    """Every field that the pattern names, at whatever depth."""
    if isinstance(pattern, dict):
        for key, inside in pattern.items():
            yield key
            yield from _mentioned(inside)
    elif isinstance(pattern, (list, tuple)):
        for each in pattern:
            yield from _mentioned(each)
