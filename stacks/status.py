"""The entry of a status, what can be read by the API, and what such entries must keep to.

A status is read by API Gateway itself, from the item that the consumer writes anyway. Whose item it is shows in its
key, which the handler makes by `message.scoped`, and the edge of who calls: nobody can name another tenant's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, inspect

from functions.contracts import tracked
from functions.contracts.contract import Command, Event
from functions.contracts.path import PathField
from functions.contracts.redaction import secret_fields
from stacks import lanes
from stacks.route import PARAMETER, Route

if TYPE_CHECKING:
    from stacks.entry import Integration, Table, Topology

TOGETHER = 10
"""Messages of a batch whose requests are tracked, at the most: each is a write of its own."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """What became of a thing that a route asked for: `GET` on its path answers with fields of its item.

    Who may ask is who may call the route, and each tenant sees its own. docs/patterns/status.md begins with an example.
    """

    path: str
    """Such as `/v1/tickets/{ticket_id}`; the parameter is the table's key, and a field of `of`."""
    of: type[Command]
    """The command that asks for the thing; a route of the same integration accepts it."""
    table: str
    """The table that holds the thing, of the same integration; its key is `message.scoped(<the field>)`."""
    answers: type[Struct]
    """What is answered: the item's attributes of these names, and nothing else of it."""
    rate: float | None = None
    """Requests a second that it takes in the long run, within what the stage takes."""
    burst: int | None = None
    """Requests that it takes at once."""
    retired: bool = False
    """Whether it is on its way out: it answers 404 until the entry goes."""

    @property
    def name(self) -> str:
        """How people and logs call it: `GET /v1/tickets/{ticket_id}`."""
        return f"GET {self.path}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(PARAMETER.findall(self.path))


@dataclass(frozen=True, kw_only=True)
class Read:
    """What the API reads from a table: who may ask, by which value of the path, and what it answers."""

    route: Route
    """As a route: its path and method, and whose requests it takes."""
    table: str
    key: str
    """The table's partition key."""
    parameter: str
    """The path's, whose value is the key."""
    pattern: str
    """What that value must match as a whole."""
    answers: type[Struct]

    @property
    def of_requests(self) -> bool:
        """Whether it is the platform's own, of requests as such."""
        return self.answers is tracked.RequestStatus


def reads(topology: Topology) -> tuple[Read, ...]:
    """Everything that can be read, those of things first."""
    found = [
        _thing(status, integration)
        for integration in topology.integrations
        for status in integration.statuses
        if not (integration.retired or status.retired)
    ]
    followed = tracked_routes(topology)
    return (*found, _requests(followed[0])) if followed else tuple(found)


def closed(topology: Topology) -> tuple[Route, ...]:
    """What could be read and is retired, as routes that answer 404."""
    things = [
        _thing(status, integration).route
        for integration in topology.integrations
        for status in integration.statuses
        if integration.retired or status.retired
    ]
    gone = [route for route in topology.retired_routes if route.tracked]
    return (*things, _requests(gone[0]).route) if gone and not tracked_routes(topology) else tuple(things)


def tracked_routes(topology: Topology) -> list[Route]:
    """The routes whose requests are tracked."""
    return [route for route in topology.routes if route.tracked]


def tracked_anywhere(topology: Topology) -> bool:
    """Whether requests are, or were, tracked: those of a route that is retired are still on their way."""
    return any(route.tracked for integration in topology.integrations for route in integration.routes)


def things(integration: Integration, route: Route) -> str | None:
    """Where what the route asks for is read, if it is."""
    found = (each.path for each in integration.statuses if each.of is route.accepts and not each.retired)
    return next(found, None)


def variable(integration: Integration, queue: str) -> str | None:
    """What the stack tells the consumer of the queue about tracked requests; None where there is none.

    A route that is retired is tracked on: what it took is still on its way. So is what is in a lane that is closed.
    """
    fed = lanes.fed(integration.queues, queue)
    followed = [route for route in integration.routes if route.tracked and not fed.isdisjoint(route.queues)]
    return tracked.written({route.name: things(integration, route) for route in followed})


def _asked(route: Route, path: str, **more: Any) -> Route:
    """Whoever may call the route, as who may read under the path."""
    return Route(
        path=path,
        method="GET",
        accepts=route.accepts,
        queue=route.queue,
        tenant=route.tenant,
        trusts=route.trusts,
        authorization=route.authorization,
        **more,
    )


def _thing(status: Status, integration: Integration) -> Read:
    route = next(each for each in integration.routes if each.accepts is status.of)
    (parameter,) = status.parameters
    return Read(
        route=_asked(route, status.path, rate=status.rate, burst=status.burst),
        table=status.table,
        key=parameter,
        parameter=parameter,
        pattern=_field(status.of, parameter).pattern,
        answers=status.answers,
    )


def _requests(route: Route) -> Read:
    return Read(
        route=_asked(route, tracked.PATH),
        table=tracked.TABLE,
        key=tracked.KEY,
        parameter=tracked.PARAMETER,
        pattern=tracked.PATTERN,
        answers=tracked.RequestStatus,
    )


def _field(contract: type[Struct], name: str) -> PathField:
    """The field of that name, as the path has it. Raises `LookupError` if there is none."""
    for field in msgspec.structs.fields(contract):
        if field.encode_name == name:
            return PathField(name, field.type)
    raise LookupError(name)


def refusals(topology: Topology) -> Iterator[str]:
    """What is wrong with the statuses and the tracked routes, one sentence each."""
    names = Counter(status.name for integration in topology.integrations for status in integration.statuses)
    for name, times in names.items():
        if times > 1:
            yield f"Status {name} is listed twice; remove one or change its path."
    for integration in topology.integrations:
        tables = {table.name: table for table in integration.tables}
        for status in integration.statuses:
            yield from _status(status, integration, topology, tables)
    yield from _tracked(topology, names)


def _status(status: Status, integration: Integration, topology: Topology, tables: dict[str, Table]) -> Iterator[str]:
    entry = f"Status {status.name}"
    if not (isinstance(status.of, type) and issubclass(status.of, Command)):
        yield f"{entry}: of is {status.of!r}, which is no command; name the class that a route accepts."
        return
    if not (isinstance(status.answers, type) and issubclass(status.answers, Struct)):
        yield f"{entry} answers {status.answers!r}, which is no contract; name a Struct with the fields to show."
        return
    routes = [route for route in integration.routes if route.accepts is status.of]
    word = status.of.__name__
    if not routes:
        yield f"{entry}: no route of {integration.name!r} accepts {word}; name the command of one that does."
    elif any(route.senders for route in routes):
        yield f"{entry}: nobody who sends webhooks is known to the API, so nobody could ask; drop it."
    elif len({(each.tenant, each.trusts, each.authorization) for each in routes}) > 1:
        yield (
            f"{entry}: the routes of {word} differ in who may call them or whose tenant counts; make tenant, trusts "
            "and authorization the same."
        )
    table = tables.get(status.table)
    if table is None:
        yield f"{entry} reads table {status.table!r}, which integration {integration.name!r} does not list; add it."
        return
    if len(status.parameters) != 1:
        yield f"{entry}: its path names {len(status.parameters)} parameters; write {{{table.key}}} in it, and no other."
        return
    if status.parameters[0] != table.key:
        yield (
            f"{entry}: table {table.name!r} keeps no key {status.parameters[0]!r}; write {{{table.key}}}, which is "
            "its key."
        )
        return
    if (status.rate is None) != (status.burst is None):
        yield f"{entry}: rate and burst limit together; set both or neither."
    try:
        _ = _field(status.of, table.key).pattern
    except LookupError:
        yield f"{entry}: {word} has no field {table.key!r}, so nobody knows what to ask for; add it, or name another."
    except ValueError as wrong:
        yield f"{entry}, {word}: {wrong}."
    yield from _fields(status, integration, topology, entry)


def _fields(status: Status, integration: Integration, topology: Topology, entry: str) -> Iterator[str]:
    said: list[type[Command] | type[Event]] = [route.accepts for route in integration.routes]
    said += [event for consumer in integration.consumers for event in consumer.publishes]
    said += [each.event for each in integration.subscriptions]
    secrets = {name: contract.__name__ for contract in reversed(said) for name in secret_fields(contract)}
    own = status.answers.__name__
    wrong = [*unreadable(status.answers)]
    yield from (f"{entry}, {own}: {sentence}" for sentence in wrong)
    if wrong:
        return
    if not status.answers.__struct_fields__:
        yield f"{entry}: {own} has no field, so it would say nothing; name what to show."
    for name in secret_fields(status.answers):
        yield f"{entry}: {own} marks {name!r} as secret, and whoever asks would read it; leave it out."
    for name in _every_name(status.answers):
        if name in secrets:
            yield f"{entry}: {name!r} of {own} is secret in {secrets[name]}; leave it out."


def _every_name(kind: type[Struct]) -> Iterator[str]:
    """The names of the fields, however deep, as far as `unreadable` has nothing against them."""
    waiting: list[Any] = [inspect.type_info(kind)]
    seen: set[type] = set()
    while waiting:
        match waiting.pop():
            case inspect.StructType() as struct if struct.cls not in seen:
                seen.add(struct.cls)
                yield from (field.encode_name for field in struct.fields)
                waiting += [field.type for field in struct.fields]
            case inspect.Metadata(type=inner):
                waiting.append(inner)
            case inspect.ListType(item_type=inner) | inspect.VarTupleType(item_type=inner):
                waiting.append(inner)
            case inspect.DictType(value_type=inner):
                waiting.append(inner)
            case inspect.UnionType(types=types):
                waiting += types


SCALARS = (
    *(inspect.StrType, inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.NoneType),
    *(inspect.LiteralType, inspect.EnumType),
)
"""What is one value of an item, and of JSON."""


def unreadable(kind: type[Struct]) -> Iterator[str]:
    """What of the contract no item holds as the edge could answer it, one sentence each."""
    try:
        info = inspect.type_info(kind)
    except TypeError as wrong:
        yield f"it is no contract that can be written: {wrong}."
        return
    yield from _unreadable(info, "", ())


def _unreadable(info: Any, place: str, inside: tuple[type, ...]) -> Iterator[str]:
    match info:
        case inspect.Metadata(type=inner):
            yield from _unreadable(inner, place, inside)
        case inspect.StructType() as struct:
            if struct.cls in inside:
                yield f"{place!r} contains itself, which a template cannot follow; leave it out."
                return
            if struct.array_like or struct.tag_field is not None:
                yield f"{struct.cls.__name__} is written as an array or with a tag; make it plain, without either."
                return
            for field in struct.fields:
                if not field.encode_name.isidentifier() or not field.encode_name.isascii():
                    yield f"{field.encode_name!r} is no plain name; write it in letters, digits and '_'."
                    continue
                deeper = f"{place}.{field.encode_name}".lstrip(".")
                yield from _unreadable(field.type, deeper, (*inside, struct.cls))
        case inspect.ListType(item_type=inner) | inspect.VarTupleType(item_type=inner):
            yield from _unreadable(inner, place, inside)
        case inspect.DictType(value_type=inner):
            yield from _unreadable(inner, place, inside)
        case inspect.UnionType(types=types):
            deep = [each for each in types if not isinstance(each, SCALARS)]
            if len(deep) > 1:
                yield f"{place!r} may be of several kinds of lists and maps, which an item does not tell apart."
            for each in types:
                yield from _unreadable(each, place, inside)
        case _ if not isinstance(info, SCALARS):
            kind = type(info).__name__.removesuffix("Type").lower()
            yield f"{place!r} is of kind {kind}, which an item does not hold; use text, numbers, lists or maps."


def _tracked(topology: Topology, statuses: Counter[str]) -> Iterator[str]:
    every = [
        (route, integration) for integration in topology.integrations for route in integration.routes if route.tracked
    ]
    if not every:
        return
    first = every[0][0]
    if any(table.name == tracked.TABLE for table in topology.tables):
        yield f"Table {tracked.TABLE!r} is where tracked requests are kept; rename yours."
    if f"GET {tracked.PATH}" in statuses:
        yield f"Status GET {tracked.PATH} is where tracked requests are asked for; give yours another path."
    for route, _ in every:
        entry = f"Route {route.name}"
        if route.senders:
            yield f"{entry} is tracked, and nobody who sends webhooks could ask; drop tracked."
        elif (route.tenant, route.trusts, route.authorization) != (first.tenant, first.trusts, first.authorization):
            yield (
                f"{entry} is tracked as {first.name} is, and they differ in who may call them or whose tenant counts; "
                "make tenant, trusts and authorization the same, or drop tracked from one."
            )
        batch = topology.consumer(route.queue).batch
        if batch > TOGETHER:
            yield (
                f"{entry} is tracked, and consumer {route.queue!r} takes {batch:,} messages a batch, each a write of "
                f"its own; set batch to {TOGETHER} or less."
            )
