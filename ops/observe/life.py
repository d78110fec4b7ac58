"""Every attempt of one dead letter, what it came from and what came of it, as the consumers' logs tell it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from functions.contracts.envelope import RECEIVED_AT, WAITED
from functions.contracts.waited import Waited
from ops.dead_letters.peek import Seen
from ops.dead_letters.selection import document
from ops.observe.attempt import Attempt
from ops.observe.hops import TONES, Hop, Releases, attempts
from ops.observe.request_path import Delivery, Fact, Path, Request
from ops.observe.trace import UnknownId, logged, tell_who
from ops.queue import Queue
from ops.stage import Stage

LONGEST = 14 * 86_400
"""Seconds for which a queue keeps a message at the most: older lines are of what it was before it was redriven."""
MARGIN = 60
"""Seconds before the first that is known of it, for clocks that differ."""
MILLISECONDS = re.compile(r"[0-9]{10,13}", re.ASCII)
MOST = 100
"""Attempts of one message that are told: those before are in its trace."""

Before = Request | Delivery | Fact


@dataclass(frozen=True)
class Step:
    """One thing on the way of a message: a route, a queue by its message, an event, or a replay."""

    kind: Literal["route", "queue", "event", "replay"]
    name: str
    outcome: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Attempted:
    """An attempt in words; `change` is from which release to which the consumer was deployed before it, in words.

    Its release is what its line says, or else what the recorded cause says, if that is of this attempt.
    """

    hop: Hop
    change: str | None = None


@dataclass(frozen=True)
class Life:
    """A message as SQS has it: each redrive makes another one, with another id, whose receives begin anew.

    `redriven` is the redrive that sent it, `by` who started that; `waited` is how many seconds the one before was in
    the dead-letter queue `dlq` until then, as far as the logs know. `copies` of it waited for a limit before it,
    `earlier` attempts are not told.
    """

    message_id: str
    attempts: list[Attempted]
    redriven: str | None = None
    by: str | None = None
    dlq: str | None = None
    waited: float | None = None
    copies: int = 0
    earlier: int = 0


@dataclass(frozen=True)
class Told:
    """What is known of a dead letter: `lives` and their attempts, the newest last, and its path in short.

    `came` is what it came from, the first first, `became` each event that it published with the queues that took it.
    Of `receives` that SQS counts of it the logs know `known`.
    """

    lives: list[Life]
    came: list[Step]
    became: list[tuple[Step, list[Step]]]
    known: int
    receives: int

    @property
    def timed(self) -> bool:
        """Whether the logs know of any attempt how long its handler worked."""
        return any(each.hop.handler for life in self.lives for each in life.attempts)

    @property
    def attempted(self) -> bool:
        """Whether the logs know of any attempt."""
        return any(life.attempts for life in self.lives)


def are_logged(stage: Stage, queue: Queue) -> bool:
    """Whether a consumer of the stage takes, or would take, the messages of that dead-letter queue."""
    work = queue.word.rpartition("-")[0]
    return queue.kind != "other" and any(each.name == work for each in stage.topology.queues)


def begun(seen: Seen) -> float:
    """When the first that the message tells of itself was, in epoch seconds: its request, its event, or its sending."""
    told = document(seen.message, None)
    body, attributes = told["body"], told["attributes"]
    waited = Waited.read(attributes.get(WAITED, ""))
    happened = body.get("time") if isinstance(body, dict) else None
    received = attributes.get(RECEIVED_AT, "")
    moments = [seen.message.sent_at.timestamp()]
    moments += [int(received) / 1000] if MILLISECONDS.fullmatch(received) else []
    moments += [waited.first_sent / 1000] if waited is not None else []
    if isinstance(happened, str):
        with suppress(ValueError, OverflowError):  # a sender may write anything there
            moments.append(datetime.fromisoformat(happened).timestamp())
    return max(min(moments) - MARGIN, time.time() - LONGEST)


def told(stage: Stage, queue: Queue, seen: Seen, *, patience: float) -> Told:
    """What is known of that dead letter of that queue: one question to the logs, two where its own id is all it has.

    Nothing is received. Raises `TooSlow` where one takes more than `patience` seconds, `OpsError` where AWS refuses.
    """
    since = max(time.time() - begun(seen), MARGIN)
    return of_path(stage, logged(stage, queue, seen, since=since, patience=patience), seen)


def of_path(stage: Stage, path: Path, seen: Seen) -> Told:
    """The same, of a path that has it. Raises `UnknownId` where its events are told of in a circle."""
    id_ = seen.message.message_id
    found = next((way for way in _ways(path) if id_ in way[1][-1].ids), None)
    if found is None:
        raise UnknownId("Its events are told of in a circle, as nobody publishes them: its trace shows the lines.")
    before, chain = found
    for each in chain:
        tell_who(stage, each)
    one = chain[-1]
    came = [_step(each) for each in before]
    if before and isinstance(before[-1], Fact) and before[-1].at is None:
        came[-1] = Step("event", _event(seen) or before[-1].type)  # no line tells who published it
    if one.replayed:
        who = f"by {one.replayed_by}" if one.replayed_by else ""
        came.append(Step("replay", one.replayed, who))
    releases = Releases()
    known = len({each.number for each in one.attempts if each.message_id == id_})
    return Told(
        lives=[_life(each, earlier, seen, releases) for each, earlier in zip(chain, [None, *chain], strict=False)],
        came=came,
        became=[_became(fact) for each in chain for fact in each.events if not fact.again],
        known=known,
        receives=max(seen.message.receives, known),
    )


def _ways(path: Path) -> Iterator[tuple[list[Before], list[Delivery]]]:
    """Each message with what it came from, the first first, and after the messages that were redriven as it."""
    for request in path.requests:
        yield from _messages(request.deliveries, [request])
    yield from _messages(path.strays, [])
    for fact in path.facts:
        yield from _messages(fact.deliveries, [fact])


def _messages(
    deliveries: Sequence[Delivery], before: list[Before], earlier: Sequence[Delivery] = ()
) -> Iterator[tuple[list[Before], list[Delivery]]]:
    for each in deliveries:
        yield before, [*earlier, each]
        for fact in each.events:
            yield from _messages(fact.deliveries, [*before, each, fact])
        yield from _messages(each.copies, before, [*earlier, each])


def _step(each: Before) -> Step:
    match each:
        case Request():
            return Step("route", each.route, each.status, "green" if each.status.startswith("2") else "bold red")
        case Delivery():
            return Step("queue", each.queue, each.state, TONES[each.state])
        case Fact():
            return Step("event", each.type)


def _event(seen: Seen) -> str | None:
    """The event that the message carries, as EventBridge names it."""
    body = document(seen.message, None)["body"]
    name = body.get("detail-type") if isinstance(body, dict) else None
    return name if isinstance(name, str) else None


def _life(one: Delivery, earlier: Delivery | None, seen: Seen, releases: Releases) -> Life:
    cause, id_ = seen.cause, seen.message.message_id

    def attempted(each: Attempt) -> Attempted:
        if each.release is None and cause is not None and (each.message_id, each.number) == (id_, cause.attempts):
            each = replace(each, release=cause.version)
        return Attempted(attempts([each], one.sent), releases.change(each.release))

    between = (one.sent or 0) - earlier.at if earlier is not None and earlier.attempts and one.sent else None
    hidden, shown = one.attempts[:-MOST], one.attempts[-MOST:]
    for each in hidden:
        releases.change(each.release)
    return Life(
        message_id=one.message_id,
        attempts=[attempted(each) for each in shown],
        redriven=one.redriven.partition(" ")[2] if one.redriven else None,
        by=one.redriven_by,
        dlq=f"{earlier.queue}-dlq" if earlier is not None else None,
        waited=between / 1000 if between is not None and between > 0 else None,
        copies=len(one.former),
        earlier=len(hidden),
    )


def _became(fact: Fact) -> tuple[Step, list[Step]]:
    awaited = [Step("queue", each, "not heard of yet", "yellow") for each in fact.awaited]
    return _step(fact), [*map(_step, fact.deliveries), *awaited]
