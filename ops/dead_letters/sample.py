"""Dead letters that were looked at lately, kept in memory: each look is a receive, so none is made twice unasked."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Lock
from typing import Any

from ops.dead_letters.cause import Cause
from ops.dead_letters.peek import Look, Seen, in_memory, look
from ops.dead_letters.selection import EVERYTHING, Selection
from ops.depth import Depth, depth
from ops.queue import Queue, find, find_dead
from ops.sqs.client import nothing
from ops.stage import Stage

ROOM = 16 * 1024 * 1024
"""Bytes of bodies, as they are in memory, that one sample keeps."""
TOGETHER = 24 * 1024 * 1024
"""Bytes of bodies that all samples keep."""
MOST = 4
"""Samples that are kept, if there is room; the one that was asked for longest ago goes first."""
BUCKETS = 24
"""Parts of the time between the oldest and the newest of a group."""


@dataclass(frozen=True)
class Group:
    """Messages of one cause, of a sample. `trend` counts those sent in each part of the time, oldest first."""

    cause: str
    seen: list[Seen] = field(repr=False)
    oldest: datetime
    newest: datetime
    trend: list[int]
    versions: list[tuple[str, int]]
    """The releases on which they failed, and how many, most first."""
    stack: tuple[str, ...]
    """Where the error of the first of them came from, innermost call last."""
    first: list[tuple[str, int]]
    """How some of them failed otherwise at first, and how many."""
    last: list[tuple[str, int]]
    """How some of them failed otherwise in the end."""

    @property
    def recorded(self) -> bool:
        """Whether the cause is on record, so that a selection by cause means it; what the log says is not."""
        return all(each.cause is not None and not each.cause.logged for each in self.seen)

    @property
    def selection(self) -> Selection:
        """What means these messages, and all others of the queue that died of the same, if their cause is on record."""
        if self.recorded:
            return Selection(cause=self.cause.removesuffix(" …"))
        return Selection(ids=tuple(each.message.message_id for each in self.seen))


@dataclass(frozen=True)
class Sample:
    """What a look into a queue found. `at` is when, in epoch seconds."""

    queue: Queue
    counts: Depth
    """What SQS counted as the look began."""
    selection: Selection
    limit: int
    seen: list[Seen] = field(repr=False)
    remark: str | None
    unfit: int
    at: float
    looked: int = 0
    """Messages that were received for it."""
    cut: str | None = None
    """Why the look ended before it saw what it was asked for, if it did."""

    @property
    def whole(self) -> bool:
        """Whether it is all there is that is meant, as far as SQS counts."""
        everything = self.selection.everything and len(self.seen) >= self.counts.waiting
        searched = not self.selection.everything and len(self.seen) < self.limit
        return self.cut is None and not self.counts.in_flight and (everything or searched)

    def groups(self) -> list[Group]:
        """Its messages by cause, the largest group first."""
        piles: dict[str, list[Seen]] = {}
        for each in self.seen:
            piles.setdefault(each.pile, []).append(each)
        return sorted((_group(name, pile) for name, pile in piles.items()), key=lambda group: -len(group.seen))

    def group(self, cause: str) -> Group | None:
        """The group of that cause."""
        pile = [each for each in self.seen if each.pile == cause]
        return _group(cause, pile) if pile else None

    def find(self, id_: str) -> Seen | None:
        """The message of that id."""
        return next((each for each in self.seen if each.message.message_id == id_), None)


class Samples:
    """The last sample of each queue that was asked for, some at once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, bool], Sample] = OrderedDict()
        self._lock = Lock()

    def take(
        self,
        stage: Stage,
        queue: str,
        *,
        selection: Selection = EVERYTHING,
        limit: int = 100,
        dead: bool = True,
        progress: Callable[[int, int, str], None] = nothing,
        stop: Event | None = None,
    ) -> Sample:
        """Looks, and keeps what is found. Without a selection no more than `limit` are received.

        `progress` and `stop` are as for a look; what was found until it was stopped is kept, and says so.
        Raises `UsageError` and `OpsError` as a look does.
        """
        there = find_dead(stage, queue) if dead else find(stage, queue)
        counts = depth(stage, there)
        most = min(limit, counts.waiting) if selection.everything else limit
        word = queue if there.kind == "other" else there.word
        found = Look([])
        if counts.waiting:
            given: dict[str, Any] = {"room": ROOM, "progress": progress, "stop": stop}
            found = look(stage, word, selection=selection, limit=most, dead=dead, **given)
        sample = Sample(
            queue=there,
            counts=counts,
            selection=selection,
            limit=limit,
            seen=found.seen,
            remark=found.remark,
            unfit=found.unfit,
            at=time.time(),
            looked=found.looked,
            cut=found.cut,
        )
        with self._lock:
            self._kept[there.word, dead] = sample
            self._kept.move_to_end((there.word, dead))
            while len(self._kept) > MOST or (len(self._kept) > 1 and self._size > TOGETHER):
                self._kept.popitem(last=False)
        return sample

    def kept(self, queue: Queue, *, dead: bool = True) -> Sample | None:
        """The last sample of that queue, if it is kept still."""
        with self._lock:
            found = self._kept.get((queue.word, dead))
            if found is not None:
                self._kept.move_to_end((queue.word, dead))
            return found

    @property
    def _size(self) -> int:
        return sum(in_memory(each.message) for sample in self._kept.values() for each in sample.seen)

    def forget(self, queue: Queue) -> None:
        """What was seen of it is no longer so."""
        with self._lock:
            for dead in (True, False):
                self._kept.pop((queue.word, dead), None)


def _group(name: str, pile: list[Seen]) -> Group:
    sent = [each.message.sent_at for each in pile]
    oldest, newest = min(sent), max(sent)
    causes = [each.cause for each in pile if each.cause is not None]
    return Group(
        cause=name,
        seen=pile,
        oldest=oldest,
        newest=newest,
        trend=_trend(sent, oldest, newest),
        versions=_most(cause.version for cause in causes),
        stack=next((tuple(cause.stack) for cause in causes if cause.stack), ()),
        first=_most(_told(causes, "first")),
        last=_most(_told(causes, "last")),
    )


def _told(causes: list[Cause], which: str) -> Iterator[str | None]:
    return (beside.label if (beside := getattr(cause, which)) is not None else None for cause in causes)


def _most(words: Iterable[str | None]) -> list[tuple[str, int]]:
    return Counter(word for word in words if word).most_common(5)


def _trend(sent: list[datetime], oldest: datetime, newest: datetime) -> list[int]:
    spread = (newest - oldest).total_seconds() or 1.0
    counts = [0] * BUCKETS
    for moment in sent:
        counts[min(int((moment - oldest).total_seconds() / spread * BUCKETS), BUCKETS - 1)] += 1
    return counts
