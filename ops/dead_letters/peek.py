"""Looking at messages and leaving them where they are.

SQS has no way to look: a message is received, hidden for a moment, and shown again. So a look counts as a receive, and
for that moment nobody else gets the message. The order stays as it is. On a FIFO queue only the first messages of a
group, ten at the most, can be seen: the others are locked until those are gone.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event

import msgspec
from msgspec import Struct

from functions.contracts.envelope import CORRELATION_ID
from ops.dead_letters.cause import Cause, Causes, label
from ops.dead_letters.logged_cause import LoggedCauses
from ops.dead_letters.parked import ParkedGroup, parked, work_of
from ops.dead_letters.selection import EVERYTHING, Chooser, Selection, checked_limit, document
from ops.dead_letters.start import START, Start
from ops.depth import Depth, depth
from ops.errors import OpsError, UsageError
from ops.queue import Queue, find, find_dead, queues
from ops.sqs.client import nothing
from ops.sqs.connection import connected, stoppable
from ops.sqs.loop import run
from ops.sqs.message import Message
from ops.sqs.sweep import Sweep
from ops.stage import Stage, in_words

VISIBILITY = 60
GROUP_PARKED = "GroupParked"
"""The cause of what follows a dead message of its group, as consumers record it."""
LIMIT = "limit"
ROOM = "its messages are larger than what is kept of them"
WHOLE = (None, LIMIT, START)
"""Why a look ends that saw what it was asked for."""
AGAIN = "what was looked at is shown to others again"
FEW = 100
"""Receives below which a look brings a message near its dead-letter queue."""


@dataclass(frozen=True)
class Seen:
    """A message and why it is there."""

    message: Message
    cause: Cause | None

    @property
    def pile(self) -> str:
        """The words under which it is counted; what is parked is one pile, whoever it is behind."""
        follows = self.cause is not None and self.cause.error_type == GROUP_PARKED
        return GROUP_PARKED if follows else label(self.cause)

    @property
    def correlation_id(self) -> str | None:
        """The id under which `trace` shows the message's path, as the cause, the sender or the event tells it."""
        if self.cause is not None and self.cause.correlation_id:
            return self.cause.correlation_id
        told = document(self.message, None)
        body = told["body"] if isinstance(told["body"], dict) else {}
        detail = body.get("detail")
        inside = detail.get(CORRELATION_ID) if isinstance(detail, dict) else None
        found = told["attributes"].get(CORRELATION_ID) or inside
        return str(found) if found else None


@dataclass(frozen=True)
class Look:
    """The messages that a look found, and what must be said of their causes, if anything."""

    seen: list[Seen]
    remark: str | None = None
    unfit: int = 0
    """Messages that the filter does not fit."""
    looked: int = 0
    """Messages that were received for it."""
    cut: str | None = None
    """Why it ended before it saw what it was asked for, if it did."""


class Pile(Struct, frozen=True, kw_only=True):
    """The dead letters of one cause in one queue."""

    cause: str
    count: int
    oldest: str
    samples: list[str]
    """Message ids."""
    first: dict[str, int] = {}
    """How many of them failed otherwise at first, by how."""
    last: dict[str, int] = {}
    """How many of them failed otherwise in the end, by how."""


class Dead(Struct, frozen=True, kw_only=True):
    """One dead-letter queue."""

    queue: str
    waiting: int
    in_flight: int
    seen: int
    """How many messages were looked at."""
    oldest: str | None
    """When the oldest of those was sent, in UTC."""
    piles: list[Pile]
    integration: str | None = None
    """Whose queue it is."""
    parked: list[ParkedGroup] = []
    """The groups that wait for a message in it, or for one that is gone; of queues that park only."""
    parked_problem: str | None = None
    """Why those could not be read."""
    problem: str | None = None
    """Why recorded causes could not be read."""
    remark: str | None = None
    """What must be said of the causes: that they are the log's, or could not be read."""


def look(
    stage: Stage,
    queue: str,
    *,
    selection: Selection = EVERYTHING,
    limit: int = 10,
    dead: bool = True,
    room: int | None = None,
    progress: Callable[[int, int, str], None] = nothing,
    stop: Event | None = None,
) -> Look:
    """What `peek` finds; of what no cause is recorded, the consumer's log is asked for one.

    The look ends early once the bodies take more than `room` bytes of memory, or another thread says `stop`: what it
    saw so far is the answer. `progress` is given how many were looked at, of about how many, and what is to be said of
    it. The selection goes by recorded causes only. Raises as `peek` does.
    """
    found = find_dead(stage, queue) if dead else find(stage, queue)
    causes = Causes(stage, needed=selection.asks_cause)
    return _look(stage, found, selection, limit, causes, LoggedCauses(stage), room, progress, stop)


def peek(
    stage: Stage, queue: str, *, selection: Selection = EVERYTHING, limit: int = 10, dead: bool = True
) -> list[Seen]:
    """Up to `limit` messages that are meant, in the order in which SQS hands them out; all are put back.

    A work queue's word means its dead-letter queue, unless `dead` is False. Raises `UsageError` and `OpsError`, also
    where the selection asks for causes and they cannot be read.
    """
    found = find_dead(stage, queue) if dead else find(stage, queue)
    return _look(stage, found, selection, limit, Causes(stage, needed=selection.asks_cause), None).seen


def dead_letters(stage: Stage, queue: str | None = None, *, sample: int = 100) -> list[Dead]:
    """Every dead-letter queue of the stage that holds something, or the one given, by cause.

    At most `sample` messages of each are looked at. Where no cause is recorded, the consumer's log is asked for it.
    Raises `UsageError` and `OpsError`.
    """
    causes, logged = Causes(stage), LoggedCauses(stage)
    every = [find_dead(stage, queue)] if queue is not None else [each for each in queues(stage) if each.kind != "work"]
    found = [_dead(stage, each, sample, causes, logged) for each in every]
    return [each for each in found if each.waiting or each.in_flight or each.parked or queue]


class DeadWatch:
    """Looks at dead-letter queues again and again: into those only whose counts changed, as each look is a receive."""

    def __init__(self, stage: Stage, queue: str | None = None, *, sample: int = 100) -> None:
        self._stage = stage
        self._sample = sample
        every = [find_dead(stage, queue)] if queue is not None else queues(stage)
        self._queues = [each for each in every if each.kind != "work"]
        self._seen: dict[str, Dead] = {}

    def look(self) -> list[Dead]:
        """Those that hold something, by cause. Raises `OpsError`."""
        for queue in self._queues:
            counts, last = depth(self._stage, queue), self._seen.get(queue.word)
            if last is None or (counts.waiting, counts.in_flight) != (last.waiting, last.in_flight):
                causes, logged = Causes(self._stage), LoggedCauses(self._stage)
                self._seen[queue.word] = _dead(self._stage, queue, self._sample, causes, logged)
        return [each for each in self._seen.values() if each.waiting or each.in_flight or each.parked]


def parked_groups(stage: Stage, work: str, *, sample: int = 1000) -> list[ParkedGroup]:
    """Every group of the queue of that word, which parks, that has places.

    At most `sample` of its dead letters are looked at. Raises `UsageError` and `OpsError`.
    """
    dead = find_dead(stage, work)
    counts = depth(stage, dead)
    seen = (
        _look(stage, dead, EVERYTHING, min(sample, counts.waiting), Causes(stage), None).seen if counts.waiting else []
    )
    found, problem = _parked(stage, dead, counts, seen)
    if problem is not None:
        raise OpsError(f"What is parked could not be read: {problem}")
    return found


def _dead(stage: Stage, queue: Queue, sample: int, causes: Causes, logged: LoggedCauses) -> Dead:
    counts = depth(stage, queue)
    limit = min(sample, counts.waiting)
    looked = _look(stage, queue, EVERYTHING, limit, causes, logged) if limit else Look([])
    seen = looked.seen
    groups, unread = _parked(stage, queue, counts, seen)
    piles: dict[str, list[Seen]] = {}
    for each in seen:
        piles.setdefault(each.pile, []).append(each)
    order = Counter({name: len(pile) for name, pile in piles.items()}).most_common()
    return Dead(
        queue=queue.word,
        waiting=counts.waiting,
        in_flight=counts.in_flight,
        seen=len(seen),
        oldest=_oldest(seen),
        piles=[
            Pile(
                cause=name,
                count=count,
                oldest=_oldest(piles[name]) or "",
                samples=[each.message.message_id for each in piles[name][:3]],
                first=Counter(each.cause.first.label for each in piles[name] if each.cause and each.cause.first),
                last=Counter(each.cause.last.label for each in piles[name] if each.cause and each.cause.last),
            )
            for name, count in order
        ],
        integration=counts.integration,
        parked=[group for group in groups if group.where != "elsewhere"],
        parked_problem=unread,
        problem=causes.problem if seen else None,
        remark=looked.remark,
    )


def _parked(stage: Stage, queue: Queue, counts: Depth, seen: list[Seen]) -> tuple[list[ParkedGroup], str | None]:
    work = work_of(stage.topology, queue.word)
    if work is None:
        return [], None
    whole = len(seen) >= counts.waiting and not counts.in_flight
    return parked(stage, work, [each.message for each in seen], whole=whole)


def _harmless(stage: Stage, queue: Queue) -> None:
    """Refuses to look where looking soon moves messages: each look is one of the receives that SQS allows them."""
    with in_words():
        client = stage.client("sqs", queue.region)
        answer = client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["RedrivePolicy"])
    policy = msgspec.json.decode(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
    receives = int(policy.get("maxReceiveCount", FEW))
    if receives < FEW:
        raise UsageError(
            f"A look counts as a receive, and after {receives} of them SQS moves a message of {queue.word} to its "
            "dead-letter queue: look at that one."
        )


def in_memory(message: Message) -> int:
    """Bytes of memory that its body takes: up to four a character."""
    return sys.getsizeof(message.body) - sys.getsizeof("")


def _oldest(seen: list[Seen]) -> str | None:
    return min(each.message.sent_at for each in seen).isoformat(timespec="seconds") if seen else None


def _look(
    stage: Stage,
    queue: Queue,
    selection: Selection,
    limit: int,
    causes: Causes,
    logged: LoggedCauses | None,
    room: int | None = None,
    progress: Callable[[int, int, str], None] = nothing,
    stop: Event | None = None,
) -> Look:
    checked_limit(limit)
    _harmless(stage, queue)
    found: list[Seen] = []
    chooser = Chooser(selection, queue.kind)
    looked, cut = 0, None

    async def work() -> None:
        nonlocal cut
        async with connected(stage, queue) as sqs:
            sweep = Sweep(sqs, queue.url, workers=1, visibility=VISIBILITY)
            start = Start.of(stage, queue)

            goal = min(limit, start.waiting) if selection.everything else start.waiting
            size = 0

            async def visit(batch: list[Message]) -> None:
                nonlocal looked, size
                looked += len(batch)
                for message, cause in zip(batch, await causes.of(batch, queue.kind), strict=True):
                    unreadable = causes.unreadable(message.message_id)
                    if len(found) < limit and chooser.means(message, cause, unreadable=unreadable):
                        found.append(Seen(message, cause))
                        size += in_memory(message)
                    start.came_later(message)
                progress(looked, goal, "" if selection.everything else f"{len(found):,} found so far")
                if len(found) >= limit:
                    sweep.stop(LIMIT)
                elif room is not None and size > room:
                    sweep.stop(ROOM)
                elif start.over:
                    sweep.stop(START)

            async def shown_again() -> None:
                progress(looked, goal, AGAIN)

            sweep.last = shown_again
            async with stoppable(sweep, stop):
                await sweep.run(visit)
            cut = sweep.stopped if sweep.stopped not in WHOLE else None

    run(work())
    unexplained = [each.message for each in found if each.cause is None]
    if logged is None or not unexplained or (stop is not None and stop.is_set()):
        return Look(found, None, chooser.unfit, looked, cut)
    progress(looked, max(looked, 1), "the consumer's log is asked why they are dead")
    damaged = causes.remark(message.message_id for message in unexplained)
    told = logged.of(queue, unexplained)
    seen = [replace(each, cause=each.cause or told.causes.get(each.message.message_id)) for each in found]
    remarks = [each for each in (damaged, told.remark(causes.problem)) if each is not None]
    return Look(seen, " ".join(remarks) or None, chooser.unfit, looked, cut)
