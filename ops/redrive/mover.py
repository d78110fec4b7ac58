"""Moves messages from a dead-letter queue to where they belong: send, confirm, write down, delete.

A message is deleted only after SQS confirmed its copy by checksum, and the journal says so, if it can. Whatever
happens in between, the message is in one of the two queues. What can arrive twice is what was being sent when a
connection or the process died: at most ten messages a worker. Such a copy carries the same idempotency key, so its
consumer drops it. What was held for so long that others may have moved it, because the process was stopped or the
machine slept, is not sent: it is received again first, if it is still there.

On FIFO queues a group's messages go one after the other, the next only once the one before is confirmed. A message that
cannot be sent keeps all of its group that come after it where they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cache

from ops.dead_letters.selection import Meant
from ops.dead_letters.start import START, Start
from ops.redrive.delivery import Delivery, stamped
from ops.redrive.journal import Journal
from ops.redrive.pace import ENOUGH, Pace
from ops.redrive.reasons import count
from ops.redrive.turns import Turns
from ops.sqs.client import LAPSED, TEN, nothing
from ops.sqs.message import MOST_BYTES, Entry, Message
from ops.sqs.outbox import Destination, Outbox
from ops.sqs.sweep import Sweep
from ops.sqs.workers import all_done

LIMIT = "limit"
CAME_BACK = "came back"
MOST_LOOKED_AT = 20_000
"""Messages held at the most to find those that came back."""
MOST_BYTES_LOOKED_AT = 64 * 1024 * 1024
"""Bytes of their bodies."""

Choose = Callable[[list[Message]], Awaitable[list[Meant | None]]]
"""Each message that is meant with its cause, None for the others."""
Prepare = Callable[[Message], Delivery | str | None]
"""How a message is delivered, why it cannot be, or None where it is left as if it were not meant."""


@dataclass
class Tally:
    """What became of the messages, or in a dry run would become."""

    seen: int = 0
    matched: int = 0
    moved: int = 0
    group_blocked: int = 0
    """Kept, because a message before them in their group was kept."""
    came_back: int = 0
    """Sent by this very redrive and dead again."""
    left: int = 0
    """Kept, because the edit leaves them where they are."""
    late: int = 0
    """Kept, because they came after the start."""
    lapsed: int = 0
    """Not sent, because they were held for too long, and not received again: somebody else moved them, or has them."""
    refused: Counter[str] = field(default_factory=Counter)
    """Kept, because they could not be sent: how many, by reason."""
    to: Counter[str] = field(default_factory=Counter)
    """How many went, or would go, to which queue or function, by its name."""
    behind: Counter[str] = field(default_factory=Counter)
    """How many of a queue that parks are out of turn and will come back, by whom they are behind."""
    causes: Counter[str] = field(default_factory=Counter)
    """How many are meant, by the cause of their death, where causes are looked up."""
    first: dict[str, Counter[str]] = field(default_factory=dict)
    """By that cause, how many failed otherwise at first, by how."""
    last: dict[str, Counter[str]] = field(default_factory=dict)
    """By that cause, how many failed otherwise in the end, by how."""

    @property
    def kept(self) -> int:
        """Messages seen and left in the queue."""
        return self.seen - self.moved

    def explain(self, meant: Meant) -> None:
        """Counts the cause of one message that is meant, if it was looked up."""
        if not meant.cause:
            return
        self.causes[meant.cause] += 1
        for beside, words in ((self.first, meant.first), (self.last, meant.last)):
            if words is not None:
                beside.setdefault(meant.cause, Counter())[words] += 1


async def everything(batch: list[Message]) -> list[Meant | None]:
    """Chooses every message, whatever its cause."""
    return [Meant()] * len(batch)


class Mover:
    """Moves what a sweep brings, and tallies it; `act=False` only tallies.

    `choose` says which messages of a batch are meant, `prepare` how one is delivered, or why it cannot be. `run` is
    stamped on what is sent, so that a message that comes straight back is known and not sent in circles; what has no
    room for it is known by the id that SQS gave it. When most come back, the sweep is stopped, unless `force`. With
    `keep_order`, what stays of a FIFO group keeps those after it there too; `turns` is the order in which a queue that
    parks wants them. `urls` are the destinations so far: the URL of a queue, the ARN of anything else. What an earlier
    run sent and did not delete, `sent_before`, only matters where nothing is moved: the sweep deletes it.
    """

    def __init__(
        self,
        sweep: Sweep,
        prepare: Prepare,
        *,
        run: str,
        act: bool,
        journal: Journal | None = None,
        choose: Choose = everything,
        limit: int | None = None,
        pace: Pace | None = None,
        keep_order: bool = True,
        force: bool = False,
        moved: Callable[[int], None] = nothing,
        turns: Turns | None = None,
        sent_before: Collection[str] = (),
        start: Start | None = None,
    ) -> None:
        self._sweep = sweep
        self._prepare = prepare
        self._run = run
        self._act = act
        self._journal = journal
        self._choose = choose
        self._left = limit
        self._pace = pace or Pace()
        self._keep_order = keep_order and sweep.fifo
        self._force = force
        self._moved = moved
        self._turns = turns
        self._sent_before = sent_before
        self._start = start
        self._own = set(journal.unstamped) if journal is not None else set[str]()
        self._back: set[str] = set()
        self._lapsed: dict[str, Delivery] = {}
        self._rooms: dict[str, int] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._going: dict[str, tuple[Message, Delivery]] = {}
        """What is on its way through an outbox."""
        self._confirmed: set[str] = set()
        """What SQS has, and is not deleted yet."""
        self._failed = False
        """Whether something went wrong, after which nothing more is sent; what is on its way arrives and is deleted."""
        self.tally = Tally()
        self.urls: set[str] = set()

    async def visit(self, batch: list[Message]) -> None:
        """Moves one batch that the sweep received; for the sweep to call."""
        self.tally.seen += sum(message.message_id not in self._lapsed for message in batch)
        batch = self._turns.order(batch) if self._turns else batch
        work = self._select(batch, await self._choose(batch))
        if not self._act:
            self.tally.to.update(_word(delivery.to.name) for _, delivery in work)
            return
        if work and not await self._pace.take(len(work), self._given_up):
            return
        lots = list(self._lots(work))
        try:
            if len(lots) == 1:  # a task of its own would cost more than the rest of this
                await self._send(lots[0])
            elif lots:
                await all_done(map(self._send, lots), self._fail)
        finally:
            self._pace.went(len(work))
            # SQS has them, so they are deleted whatever failed.
            if confirmed := [message.message_id for message, _ in work if message.message_id in self._confirmed]:
                self._confirmed.difference_update(confirmed)
                await self._sweep.delete(confirmed)

    def _select(self, batch: list[Message], chosen: list[Meant | None]) -> list[tuple[Message, Delivery]]:
        work: list[tuple[Message, Delivery]] = []
        stuck: set[str | None] = set()
        for message, meant in zip(batch, chosen, strict=True):
            if message.message_id in self._sent_before:
                continue
            if (delivery := self._lapsed.pop(message.message_id, None)) is not None:
                self.tally.lapsed -= 1
                work.append((message, delivery))
                continue
            if self._is_own(message):
                self._came_back(message)
            elif self._start is not None and self._start.came_later(message):
                self.tally.late += 1
                if self._start.over and not self._sweep.missing:
                    self._sweep.stop(START)
            elif meant and self._left == 0:
                if not self._sweep.missing:
                    self._sweep.stop(LIMIT)
            elif meant and self._keep_order and message.group in stuck:
                self.tally.group_blocked += 1
            elif meant:
                prepared = self._prepare(message)
                if prepared is None:
                    self.tally.left += 1
                    stuck.add(message.group)
                    continue
                self.tally.matched += 1
                self.tally.explain(meant)
                if self._left is not None:
                    self._left -= 1
                if not isinstance(prepared, str):
                    work.append((message, prepared))
                    if self._turns and (head := self._turns.take(message)):
                        self.tally.behind[head] += 1
                    continue
                count(self.tally.refused, prepared)
            stuck.add(message.group)
        return work

    def took(self, entry: Entry, new_id: str) -> None:
        """Takes note of what SQS confirmed, by the id that it gave it; for the client to call."""
        if stamped(entry)[1] != self._run:
            self._own.add(new_id)
            if self._journal is not None:
                self._journal.took(new_id)

    async def look_back(self) -> None:
        """Looks through what waits in the queue for messages that this run sent: stops if those are most of them."""
        size = self._sweep.ahead
        while not self._given_up() and self._sweep.held < MOST_LOOKED_AT and size < MOST_BYTES_LOOKED_AT:
            ahead = await self._sweep.look_ahead()
            if not ahead:
                return
            size += sum(len(message.body) for message in ahead)
            for message in filter(self._is_own, ahead):
                self._came_back(message)

    @property
    def sent(self) -> int:
        """How many this run sent, by this process and those before it."""
        return max(self.tally.moved, self._journal.moved if self._journal is not None else 0)

    @property
    def mostly_back(self) -> bool:
        """Whether most of what this run sent is dead again."""
        return len(self._back) * 2 > self.sent > 0

    def _came_back(self, message: Message) -> None:
        if message.message_id not in self._back:
            self._back.add(message.message_id)
            self.tally.came_back += 1
        self._judge()

    def _is_own(self, message: Message) -> bool:
        return stamped(message)[1] == self._run or message.message_id in self._own

    def _given_up(self) -> bool:
        return self._sweep.stopped not in (None, LIMIT, START)

    def _judge(self) -> None:
        if self.sent >= ENOUGH and self.mostly_back and not self._force:
            self._sweep.stop(CAME_BACK)

    def _lots(self, work: list[tuple[Message, Delivery]]) -> Iterator[list[tuple[Message, Delivery]]]:
        """What is sent one after the other: a group's messages on FIFO, as much as fits into one batch otherwise.

        A full batch of as many groups needs no company, and nothing in it waits for another.
        """
        if self._sweep.fifo and not (len(work) == TEN and _of_as_many_groups(work)):
            groups: dict[str | None, list[tuple[Message, Delivery]]] = {}
            for item in work:
                groups.setdefault(item[0].group, []).append(item)
            yield from groups.values()
            return
        by_destination: dict[str, list[tuple[Message, Delivery]]] = {}
        for item in work:
            by_destination.setdefault(item[1].to.name, []).append(item)
        yield from by_destination.values()

    async def _send(self, lot: list[tuple[Message, Delivery]]) -> None:
        if self._sweep.fifo and (len(lot) == 1 or not _of_as_many_groups(lot)):
            for index, (message, delivery) in enumerate(lot):
                if self._failed:
                    return
                outbox = self._outboxes.get(delivery.to.name)
                if outbox is None:
                    outbox = self._outboxes[delivery.to.name] = Outbox(delivery.to, self._arrived)
                entry = delivery.entry(message, self._run, await self._room(delivery.to))
                lapsed = self._sweep.lapsed((message.message_id,))
                if not lapsed:
                    self._going[message.message_id] = (message, delivery)
                refusal = LAPSED if lapsed else await outbox.send(entry)
                if refusal is not None:
                    self._going.pop(message.message_id, None)
                if refusal == LAPSED:
                    self._lapse(lot[index:])
                    return
                if refusal is not None:
                    count(self.tally.refused, refusal)
                    self.tally.group_blocked += len(lot) - index - 1
                    return
            return
        to = lot[0][1].to
        by_id = {message.message_id: (message, delivery) for message, delivery in lot}
        room = await self._room(to)
        for part in _parts([delivery.entry(message, self._run, room) for message, delivery in lot]):
            lapsed = self._sweep.lapsed([entry.id for entry in part])
            outcome: dict[str, str | None] = dict.fromkeys(lapsed, LAPSED)
            if held := [entry for entry in part if entry.id not in lapsed]:
                outcome |= await to.send(held)
            taken = [id_ for id_, refusal in outcome.items() if refusal is None]
            self._sent([by_id[id_] for id_ in taken])
            if any(outcome.values()):
                self._lapse([by_id[id_] for id_, refusal in outcome.items() if refusal == LAPSED])
                for refusal in outcome.values():
                    if refusal not in (None, LAPSED):
                        count(self.tally.refused, refusal)

    async def _room(self, to: Destination) -> int:
        if to.name not in self._rooms:
            self._rooms[to.name] = await to.room()
        return self._rooms[to.name]

    def _lapse(self, lot: list[tuple[Message, Delivery]]) -> None:
        """These were held for too long: they are sent when they are received again, the first of a group first."""
        if not lot:
            return
        self.tally.lapsed += len(lot)
        self._lapsed |= {message.message_id: delivery for message, delivery in lot}
        self._sweep.let_go([message.message_id for message, _ in lot])

    def _fail(self) -> None:
        self._failed = True

    def _arrived(self, ids: list[str]) -> None:
        self._sent([self._going.pop(id_) for id_ in ids])

    def _sent(self, lot: list[tuple[Message, Delivery]]) -> None:
        if not lot:
            return
        ids = [message.message_id for message, _ in lot]
        # First what cannot fail: SQS has them, so whatever happens they are deleted, and not shown to others again.
        self._sweep.sent(ids)
        self._confirmed.update(ids)
        for message, delivery in lot:
            name = delivery.to.name
            self.tally.to[_word(name)] += 1
            self.urls.add(name)
            if self._turns and self._sweep.fifo:
                self._turns.sent.append(message)
        self.tally.moved += len(ids)
        if self._journal is not None:
            self._journal.sent(ids)
        self._moved(len(ids))


@cache
def _word(name: str) -> str:
    """What a destination is called."""
    return re.split("[:/]", name)[-1]


def _of_as_many_groups(work: list[tuple[Message, Delivery]]) -> bool:
    """Whether no two of them are of one group, neither here nor where they go."""
    here, there = {message.group for message, _ in work}, {delivery.group for _, delivery in work}
    return len(here) == len(there) == len(work)


def _parts(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Batches of at most ten entries and one megabyte."""
    part: list[Entry] = []
    size = 0
    for entry in entries:
        more = entry.size
        if part and (len(part) == TEN or size + more > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(entry)
        size += more
    if part:
        yield part
