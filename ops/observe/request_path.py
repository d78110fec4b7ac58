"""The path of one request: what the log lines of a correlation id say, put together as a tree.

A request caused the message whose `received_at` is the request's time; a message caused the events that its line says
it published; an event caused the messages that carry its id. A message with the same origin on the same queue as one
that failed before it is that one, redriven: SQS gives it a new message id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from functions.contracts.log_line import Followed, Handled, Progressed
from ops.dead_letters.redaction import Redaction
from ops.observe.attempt import DONE, LIMITED, Attempt, attempt
from ops.observe.logs import Answered, Line
from ops.sqs.message import number
from stacks.entry import Topology

State = Literal["processed", "duplicate", "skipped", "retried", "dead", "redriven", "gone", "working"]


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A message that was seen in a dead-letter queue, and why it is there. `sent` is epoch milliseconds.

    `first` and `last` are its first and its last failure, where they were not the cause.
    """

    queue: str
    dlq: str
    message_id: str
    sent: int
    cause: str
    first: str | None = None
    last: str | None = None
    stack: tuple[str, ...] = ()
    event_id: str | None = None
    received_at: str | None = None
    redriven: str | None = None
    replayed: str | None = None


class Delivery(Struct, kw_only=True):
    """A message on a queue, and what its consumer made of it: its `state`, as far as anybody knows.

    One that waited for a limit as copies of itself is one message, with the id of the last copy. `dlq` is the dead-
    letter queue where it was seen, `cause` why, `stack` where from, `first` and `last` its first and last failure
    where they were others. `redriven` says how often it was redriven and by which redrive, `redriven_by` who
    started that. `replayed` is the replay that brought its event out of the archive, `replayed_by` who started it.
    `copies` are the messages as which it was redriven; where none is known yet, `sent_by` names the redrive that
    sent it. `former` are the ids that it had before it waited as a copy. `progress` is the last that its handler
    said, such as `40 %: Reading the file.`, `standing` where its workflow stands. Its queue gives up after
    `receives`. Times are epoch milliseconds.
    """

    queue: str
    receives: int
    message_id: str
    sent: int | None = None
    attempts: list[Attempt]
    state: State = "gone"
    redriven: str | None = None
    redriven_by: str | None = None
    replayed: str | None = None
    replayed_by: str | None = None
    sent_by: str | None = None
    dlq: str | None = None
    cause: str | None = None
    first: str | None = None
    last: str | None = None
    stack: tuple[str, ...] = ()
    events: list[Fact] = []
    copies: list[Delivery] = []
    former: tuple[str, ...] = ()
    progress: str | None = None
    standing: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that it has had, the last one at the end."""
        return (*self.former, self.message_id)

    @property
    def exhausted(self) -> bool:
        """Whether its receives ran out, so that SQS moved it to its dead-letter queue."""
        last = self.attempts[-1] if self.attempts else None
        return last is None or (last.number >= self.receives and last.outcome != LIMITED)

    @property
    def at(self) -> int:
        """When the last that is known of it happened."""
        return self.attempts[-1].at if self.attempts else self.sent or 0


class Fact(Struct, kw_only=True):
    """An event, the messages by which it reached its subscribers, and the subscribers of whom nothing is known.

    `at` is when its publisher's batch ended; None where the publisher left no line. `again` says that an earlier
    message of this path published the same event, so it is told there.
    """

    type: str
    id: str
    at: int | None = None
    deliveries: list[Delivery] = []
    awaited: list[str] = []
    again: bool = False


class Request(Struct, kw_only=True):
    """A request to the API, its answer, and the messages that it became. Times are epoch milliseconds.

    `tenant` is for whom it was, `caller` who called.
    """

    route: str
    status: str
    at: int
    latency: int | None = None
    error: str | None = None
    trace_id: str | None = None
    tenant: str | None = None
    caller: str | None = None
    deliveries: list[Delivery] = []
    awaited: list[str] = []


class Path(Struct, kw_only=True):
    """Everything that is known of one correlation id.

    `strays` and `facts` came from nowhere that a line tells of. `unseen` are the dead-letter queues that were too deep
    to be looked through.
    """

    correlation_id: str
    requests: list[Request] = []
    facts: list[Fact] = []
    strays: list[Delivery] = []
    unseen: list[str] = []

    def deliveries(self) -> Iterator[Delivery]:
        """Every message of the path, causes before effects."""
        for request in self.requests:
            yield from _below(request.deliveries)
        yield from _below(self.strays)
        for fact in self.facts:
            yield from _below(fact.deliveries)

    def events(self) -> Iterator[Fact]:
        """Every event of the path, once."""
        for delivery in self.deliveries():
            yield from (fact for fact in delivery.events if not fact.again)
        yield from self.facts

    def awaited(self) -> list[str]:
        """The queues of whose messages nothing is known yet."""
        return [queue for request in self.requests for queue in request.awaited] + [
            queue for fact in self.events() for queue in fact.awaited
        ]


def path(correlation_id: str, lines: Iterable[Line], topology: Topology, letters: Iterable[DeadLetter] = ()) -> Path:
    """The path that the lines of this correlation id and its dead letters tell; lines of others are passed over."""
    redaction = Redaction(topology)
    mine = [
        _shown(line, redaction)
        for line in lines
        if correlation_id in (line.correlation_id, getattr(line, "request_id", None))
    ]
    handled = sorted((line for line in mine if isinstance(line, Handled)), key=lambda line: line.at)
    deliveries = _deliveries(handled, letters, topology)
    by_event: dict[str, list[Delivery]] = {}
    by_request: dict[tuple[str, str], list[Delivery]] = {}
    strays: list[Delivery] = []
    for origin, delivery in deliveries:
        if origin.event_id is not None:
            by_event.setdefault(origin.event_id, []).append(delivery)
        elif origin.received_at is not None:
            by_request.setdefault((delivery.queue, origin.received_at), []).append(delivery)
        else:
            strays.append(delivery)
    by_id = {id_: delivery for _, delivery in deliveries for id_ in delivery.ids}
    for line, delivery in _tell_progress((line for line in mine if isinstance(line, Progressed)), by_id):
        asked = by_request.setdefault((line.service, line.received_at), []) if line.received_at else strays
        asked.append(delivery)
    for followed in sorted((line for line in mine if isinstance(line, Followed)), key=lambda line: line.at):
        if followed.message_id in by_id:
            by_id[followed.message_id].standing = followed.text
    _tell_events(handled, by_id, by_event, topology)
    requests = [
        _request(line, by_request, topology)
        for line in sorted(_answers(mine), key=lambda line: (int(line.time), line.request_id))
    ]
    strays += [delivery for group in by_request.values() for delivery in _folded(group)]
    facts = [Fact(type="an event", id=id_, deliveries=_folded(group)) for id_, group in by_event.items()]
    found = Path(correlation_id=correlation_id, requests=requests, facts=facts, strays=strays)
    for delivery in found.deliveries():
        delivery.state = _state(delivery)
    return found


def _tell_progress(lines: Iterable[Progressed], by_id: dict[str, Delivery]) -> list[tuple[Progressed, Delivery]]:
    """Notes the last word of each message. Those of whose attempts no line tells yet are made and returned."""
    first: list[tuple[Progressed, Delivery]] = []
    for line in sorted(lines, key=lambda line: line.at):
        if line.message_id not in by_id:
            by_id[line.message_id] = Delivery(
                queue=line.service, receives=0, message_id=line.message_id, attempts=[], state="working"
            )
            first.append((line, by_id[line.message_id]))
        by_id[line.message_id].progress = f"{line.percent} %" + (f": {line.words}" if line.words else "")
    return first


def _shown(line: Line, redaction: Redaction) -> Line:
    """The line without the secrets that its error told."""
    if isinstance(line, Progressed):
        return replace(line, words=redaction.text(line.words)) if line.words else line
    if isinstance(line, Followed):
        return replace(line, cause=redaction.text(line.cause)) if line.cause else line
    return replace(line, error=redaction.text(line.error)) if line.error else line


def _state(delivery: Delivery) -> State:
    last = delivery.attempts[-1] if delivery.attempts else None
    if last is None and delivery.progress and not delivery.dlq:
        return "working"
    if last is not None and last.outcome == "duplicate":
        return "duplicate"
    if last is not None and last.outcome == "skipped":
        return "skipped"
    if any(each.outcome in DONE for each in delivery.attempts):
        return "processed"
    if delivery.dlq is not None:
        return "dead"
    if delivery.copies:
        return "redriven"
    return "gone" if delivery.exhausted else "retried"


def _answers(lines: Iterable[Line]) -> list[Answered]:
    return [line for line in lines if isinstance(line, Answered)]


def _deliveries(
    handled: list[Handled], letters: Iterable[DeadLetter], topology: Topology
) -> list[tuple[Handled | DeadLetter, Delivery]]:
    """The messages in the order in which they were sent, each with what names its origin."""
    receives = {queue.name: queue.receives for queue in topology.queues}
    dead = {each.message_id: each for each in letters}
    by_id: dict[tuple[str, str | None], list[Handled]] = {}
    for line in handled:
        # What was redriven after it waited is still of the same origin, and a message of its own.
        by_id.setdefault((line.origin or line.message_id, line.redriven), []).append(line)
    found: list[tuple[Handled | DeadLetter, Delivery]] = []
    for lines in by_id.values():
        ids = tuple(dict.fromkeys(line.message_id for line in lines))
        delivery = Delivery(
            queue=lines[0].service,
            receives=receives.get(lines[0].service, 0),
            message_id=ids[-1],
            former=ids[:-1],
            sent=lines[0].sent,
            redriven=lines[0].redriven,
            replayed=next((line.replayed for line in lines if line.replayed), None),
            attempts=[attempt(each) for each in lines],
        )
        for id_ in dead.keys() & set(ids):
            _found(delivery, dead[id_])
        found.append((next((line for line in lines if line.event_id), lines[0]), delivery))
    for id_ in dead.keys() - {line.message_id for line in handled}:
        each = dead[id_]
        silent = Delivery(
            queue=each.queue,
            receives=receives.get(each.queue, 0),
            message_id=id_,
            sent=each.sent,
            attempts=[],
            redriven=each.redriven,
            replayed=each.replayed,
        )
        _found(silent, each)
        found.append((each, silent))
    return sorted(found, key=lambda pair: pair[1].sent or pair[1].at)


def _found(delivery: Delivery, letter: DeadLetter) -> None:
    delivery.dlq, delivery.cause, delivery.stack = letter.dlq, letter.cause, letter.stack
    delivery.first, delivery.last = letter.first, letter.last


def _tell_events(
    handled: list[Handled], by_id: dict[str, Delivery], by_event: dict[str, list[Delivery]], topology: Topology
) -> None:
    """Hangs every event below the message that published it, the first time with its subscribers."""
    told: set[tuple[str, str]] = set()
    known: set[str] = set()
    for line in handled:
        for event in line.published:
            if (line.message_id, event.id) in told:
                continue
            told.add((line.message_id, event.id))
            fact = Fact(type=event.type, id=event.id, at=line.at, again=event.id in known)
            if not fact.again:
                known.add(event.id)
                arrived = by_event.pop(event.id, [])
                fact.deliveries = _folded(arrived)
                fact.awaited = _silent(event.type, arrived, topology)
            by_id[line.message_id].events.append(fact)


def _silent(event: str, arrived: list[Delivery], topology: Topology) -> list[str]:
    """Subscribers without a line; one with a filter may rightly have none."""
    heard = {delivery.queue for delivery in arrived}
    return [
        subscription.queue
        for subscription in topology.subscriptions
        if subscription.event.__name__ == event and subscription.queue not in heard and not subscription.filter
    ]


def _request(line: Answered, by_request: dict[tuple[str, str], list[Delivery]], topology: Topology) -> Request:
    name = f"{line.method} {line.route}" if line.route != "-" else line.method
    # Of a route with lanes nothing but the message says which it is in.
    queues = next((route.queues for route in topology.routes if route.name == name), ())
    deliveries = _folded([each for queue in topology.fed(queues) for each in by_request.pop((queue, line.time), [])])
    silent = bool(queues) and line.status == "202" and not deliveries
    return Request(
        route=name,
        status=line.status,
        at=int(line.time),
        latency=number(line.latency),
        error=line.error if line.error != "-" else None,
        trace_id=line.trace_id if line.trace_id != "-" else None,
        tenant=unquote(line.tenant) if line.tenant != "-" else None,
        caller=line.called_by,
        deliveries=deliveries,
        awaited=[" or ".join(queues)] if silent else [],
    )


def _folded(deliveries: list[Delivery]) -> list[Delivery]:
    """Messages of one origin: per queue, one that came after another had failed is hung below it as its copy.

    Not what a replay brought: that is no copy of the first, but a message beside it with copies of its own.
    """

    def origin(delivery: Delivery) -> tuple[str, str]:
        return delivery.queue, delivery.replayed or ""

    found: list[Delivery] = []
    for _, group in groupby(sorted(deliveries, key=origin), key=origin):
        first: Delivery | None = None
        for delivery in group:
            failed = first is not None and not any(each.outcome in DONE for each in first.attempts)
            if first is not None and failed and (delivery.redriven is not None or first.exhausted):
                first.copies.append(delivery)
            else:
                found.append(delivery)
            first = delivery
    return sorted(found, key=lambda each: each.sent or each.at)


def _below(deliveries: Iterable[Delivery]) -> Iterator[Delivery]:
    for delivery in deliveries:
        yield delivery
        for fact in delivery.events:
            yield from _below(fact.deliveries)
        yield from _below(delivery.copies)
