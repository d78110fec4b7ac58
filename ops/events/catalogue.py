"""Every event and command of the map: what it says, who publishes or sends it, and who takes it."""

from __future__ import annotations

import difflib
import inspect
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from functions.contracts.contract import Event
from functions.contracts.envelope import full_source
from functions.contracts.example import example
from ops.dead_letters.redaction import Redaction
from ops.errors import UsageError
from ops.events.field import Field, fields
from ops.events.pattern import words
from stacks import events, feeds, names
from stacks.entry import Subscription, Topology

Kind = Literal["event", "command"]
Fed = list[tuple[str, feeds.Feed]]
UNKNOWN = "…"
"""What stands in an example where the contract gives none of a field."""


class Source(Struct, frozen=True, kw_only=True):
    """Where one comes from: the consumer of `queue`, what is outside by its name, or another project's bus."""

    name: str
    queue: str | None = None
    is_open: bool = True
    """Whether it is not retired."""


class Taker(Struct, frozen=True, kw_only=True):
    """A queue that takes it. `conditions` are those of its filter in words, `filter` as EventBridge has it.

    `bus` is another project's, whose archive is not ours. One that is not open is retired: nothing comes to it.
    """

    queue: str
    subscription: str | None = None
    conditions: list[str] = []
    filter: dict[str, Any] = {}
    lane: str | None = None
    bus: str | None = None
    is_open: bool = True

    @property
    def can_replay(self) -> bool:
        """Whether what the stage archives can be replayed to it."""
        return self.subscription is not None and self.is_open and self.bus is None


class Entry(Struct, frozen=True, kw_only=True):
    """An event or a command, by its `type`; `text` are its docstring's paragraphs.

    `document` is the file with its JSON Schema, of what is published here.
    """

    type: str
    kind: Kind
    text: list[str]
    source: str | None = None
    version: int | None = None
    business_key: str | None = None
    document: str | None = None
    sources: list[Source] = []
    takers: list[Taker] = []

    @property
    def summary(self) -> str:
        """What it is, in a line."""
        return self.text[0] if self.text else ""

    @property
    def name(self) -> str:
        """EventBridge's detail-type, or the command's name."""
        return self.type.rpartition(".")[2]


class Contract(Struct, frozen=True, kw_only=True):
    """What a contract says: its fields, and an example with its secrets hidden, `UNKNOWN` where it gives none.

    One that holds itself has no example.
    """

    entry: Entry
    fields: list[Field]
    example: Any
    schema: dict[str, Any]
    """Of what EventBridge delivers as `detail`, or of the command's body."""


def catalogue(topology: Topology, stage: str, kind: Kind = "event") -> list[Entry]:
    """The events, or the commands, of a stage's map by their names."""
    if kind == "event":
        return [_event(topology, stage, each) for each in events.known(topology)]
    fed = _fed(topology)
    return [_command(topology, fed, each) for each in sorted(feeds.commands(topology), key=lambda each: each.__name__)]


def types(topology: Topology) -> dict[str, str]:
    """The type of each event by its name alone, where no other project's has the same."""
    every = events.known(topology)
    count = Counter(each.__name__ for each in every)
    return {each.__name__: events.key(each) for each in every if count[each.__name__] == 1}


def called(stage: str, subscription: Subscription) -> str:
    """As the alarms of a subscription call it: `mail_ticket-on-TicketOpened`."""
    rule = names.rule(stage, subscription.queue, subscription.event.__name__)
    return rule.removeprefix(names.resource(stage, ""))


def contract(topology: Topology, stage: str, type_: str) -> Contract:
    """What the event or command of that type says. Raises `UsageError` where there is none, with those that are near.

    An event of another project is called by its source and name: `billing.invoices.InvoicePaid`, or by its name alone
    where that is enough.
    """
    found, class_ = _found(topology, stage, type_)
    schema = events.detail(class_) if issubclass(class_, Event) else msgspec.json.schema(class_)
    redaction = Redaction(topology)
    shown = [_hidden(redaction, each) for each in fields(class_)]
    secret = {each.path.rpartition(".")[2] for each in shown if each.secret}
    return Contract(entry=found, fields=shown, example=_example(redaction, class_), schema=_plain(schema, secret))


def _found(topology: Topology, stage: str, type_: str) -> tuple[Entry, feeds.Contract]:
    told = events.known(topology)
    sent = feeds.commands(topology)
    every: tuple[feeds.Contract, ...] = (*told, *sent)
    named = [each for each in every if events.key(each) == type_] or [each for each in every if each.__name__ == type_]
    if len(named) > 1:
        both = " and ".join(events.key(each) for each in named)
        raise UsageError(f"{type_} is what several projects call an event: say one of {both}.")
    if not named:
        near = difflib.get_close_matches(type_, [events.key(each) for each in every], n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no event or command {type_!r}: `events` lists them.{hint}")
    (one,) = named
    if issubclass(one, Event):
        return _event(topology, stage, one), one
    return _command(topology, _fed(topology), one), one


def _event(topology: Topology, stage: str, event: type[Event]) -> Entry:
    takers = [
        Taker(
            queue=each.queue,
            subscription=called(stage, each),
            conditions=words(each.filter),
            filter=dict(each.filter),
            lane=_lane(topology, each.queue),
            bus=names.bus(stage, each.bus) if each.bus is not None else None,
            is_open=not retired,
        )
        for each, retired in events.subscriptions(topology)
        if each.event is event
    ]
    published = event in topology.events
    return Entry(
        type=events.key(event),
        kind="event",
        text=_text(event),
        source=full_source(event.source, names.PROJECT),
        version=event.version,
        business_key=event.business_key,
        document=f"docs/events/{events.schema_file(event)}" if published else None,
        sources=[*publishers(topology, event), *(Source(name=bus) for bus in _buses(takers))],
        takers=takers,
    )


def _fed(topology: Topology) -> Fed:
    return [(queue.name, feed) for queue in topology.queues for feed in feeds.of(topology, queue.name)]


def _lane(topology: Topology, queue: str) -> str | None:
    place = topology.queue(queue).lane
    return place.lane if place is not None else None


def _command(topology: Topology, fed: Fed, command: feeds.Contract) -> Entry:
    senders: dict[str, Source] = {}
    takers: dict[str, Taker] = {}
    for queue, feed in fed:
        if feed.contract is not command:
            continue
        if feed.name not in senders or feed.is_open:
            name = feed.name[:1].upper() + feed.name[1:]
            senders[feed.name] = Source(name=name, is_open=feed.is_open)
        if queue not in takers or feed.is_open:
            takers[queue] = Taker(queue=queue, lane=_lane(topology, queue), is_open=feed.is_open)
    return Entry(
        type=events.key(command),
        kind="command",
        text=_text(command),
        business_key=command.business_key,
        sources=[*senders.values()],
        takers=[*takers.values()],
    )


def publishers(topology: Topology, event: feeds.Contract) -> Iterator[Source]:
    """The consumers that publish the event."""
    for integration in topology.integrations:
        for consumer in integration.consumers:
            if event in consumer.publishes:
                yield Source(name=consumer.function, queue=consumer.function, is_open=not integration.retired)


def _buses(takers: list[Taker]) -> list[str]:
    return list(dict.fromkeys(f"bus {each.bus}" for each in takers if each.bus is not None))


def _text(class_: feeds.Contract) -> list[str]:
    """The paragraphs of what the class itself says: what it inherited says nothing of it."""
    said = inspect.cleandoc(vars(class_).get("__doc__") or "")
    return [" ".join(part.split()) for part in said.split("\n\n") if part.strip()]


def _hidden(redaction: Redaction, field: Field) -> Field:
    """The field without what it may not show, where its name says that it is a secret, or is in one."""
    names_ = [part.removesuffix("[]") for part in field.path.split(".")]
    if all(redaction.of({name: UNKNOWN}) == {name: UNKNOWN} for name in names_):
        return field
    return msgspec.structs.replace(field, secret=True, default=None, example=None)


def _plain(schema: Any, secret: set[str]) -> Any:
    """The schema, in which secret properties have neither examples nor a default."""
    if isinstance(schema, list):
        return [_plain(each, secret) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: _plain(value, secret) for name, value in schema.items()}
    for name, each in (told["properties"] if isinstance(told.get("properties"), dict) else {}).items():
        if name in secret and isinstance(each, dict):
            each.pop("examples", None)
            each.pop("default", None)
    return told


def _example(redaction: Redaction, class_: feeds.Contract) -> Any:
    try:
        return redaction.of(example(class_, UNKNOWN))
    except RecursionError:
        return None
