"""Moves messages from a dead-letter queue to where they belong: send, confirm, write down, delete.

A message is deleted only after SQS confirmed its copy by checksum and the journal says so. Whatever happens in between,
the message is in one of the two queues. What can arrive twice is what was being sent when a connection or the process
died: at most ten messages a worker. Such a copy carries the same idempotency key, so its consumer drops it.

On FIFO queues a group's messages go one after the other, the next only once the one before is confirmed. A message that
cannot be sent keeps all of its group that come after it where they are.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from ops.dead_letters.selection import Meant
from ops.redrive.delivery import Delivery, stamped
from ops.redrive.journal import Journal
from ops.redrive.pace import ENOUGH, Pace
from ops.redrive.turns import Turns
from ops.sqs.client import TEN
from ops.sqs.message import MOST_BYTES, Entry, Message
from ops.sqs.outbox import Outbox
from ops.sqs.sweep import Sweep

LIMIT = "limit"
CAME_BACK = "came back"

Choose = Callable[[list[Message]], Awaitable[list[Meant | None]]]
"""Each message that is meant with its cause, None for the others."""
Prepare = Callable[[Message], Delivery | str]


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
    stamped on what is sent, so that a message that comes straight back is known and not sent in circles; when most come
    back, the sweep is stopped, unless `force`. With `keep_order`, what stays of a FIFO group keeps those after it there
    too; `turns` is the order in which a queue that parks wants them. `urls` are the destinations so far: the URL of a
    queue, the ARN of anything else.
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
        moved: Callable[[int], None] = lambda _: None,
        turns: Turns | None = None,
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
        self._outboxes: dict[str, Outbox] = {}
        self.tally = Tally()
        self.urls: set[str] = set()

    async def visit(self, batch: list[Message]) -> None:
        """Moves one batch that the sweep received; for the sweep to call."""
        self.tally.seen += len(batch)
        batch = self._turns.order(batch) if self._turns else batch
        work = self._select(batch, await self._choose(batch))
        if self._act and work and not await self._pace.take(len(work), self._given_up):
            return
        for _, delivery in work:
            self.tally.to[re.split("[:/]", delivery.to.name)[-1]] += 1
            self.urls.add(delivery.to.name)
        if not self._act:
            return
        confirmed: list[str] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                for lot in self._lots(work):
                    tasks.create_task(self._send(lot, confirmed))
        except* Exception as errors:
            raise _first(errors) from None
        finally:
            if confirmed:
                deleted = await self._sweep.delete(confirmed)
                if self._journal is not None:
                    self._journal.deleted(deleted)

    def _select(self, batch: list[Message], chosen: list[Meant | None]) -> list[tuple[Message, Delivery]]:
        work: list[tuple[Message, Delivery]] = []
        stuck: set[str | None] = set()
        for message, meant in zip(batch, chosen, strict=True):
            if stamped(message)[1] == self._run:
                self.tally.came_back += 1
                self._judge()
            elif meant and self._keep_order and message.group in stuck:
                self.tally.group_blocked += 1
            elif meant and self._left == 0:
                self._sweep.stop(LIMIT)
            elif meant:
                self.tally.matched += 1
                self.tally.explain(meant)
                if self._left is not None:
                    self._left -= 1
                delivery = self._prepare(message)
                if not isinstance(delivery, str):
                    work.append((message, delivery))
                    if self._turns and (head := self._turns.take(message)):
                        self.tally.behind[head] += 1
                    continue
                self.tally.refused[delivery] += 1
            stuck.add(message.group)
        return work

    def give_up(self) -> None:
        """Stops, because most of what was sent failed again; unless that is to be ignored."""
        if not self._force:
            self._sweep.stop(CAME_BACK)

    def _given_up(self) -> bool:
        return self._sweep.stopped not in (None, LIMIT)

    def _judge(self) -> None:
        if self.tally.moved >= ENOUGH and self.tally.came_back * 2 > self.tally.moved:
            self.give_up()

    def _lots(self, work: list[tuple[Message, Delivery]]) -> Iterator[list[tuple[Message, Delivery]]]:
        """What is sent one after the other: a group's messages on FIFO, as much as fits into one batch otherwise."""
        if self._sweep.fifo:
            groups: dict[str | None, list[tuple[Message, Delivery]]] = {}
            for item in work:
                groups.setdefault(item[0].group, []).append(item)
            yield from groups.values()
            return
        by_destination: dict[str, list[tuple[Message, Delivery]]] = {}
        for item in work:
            by_destination.setdefault(item[1].to.name, []).append(item)
        yield from by_destination.values()

    async def _send(self, lot: list[tuple[Message, Delivery]], confirmed: list[str]) -> None:
        if self._sweep.fifo:
            for index, (message, delivery) in enumerate(lot):
                outbox = self._outboxes.setdefault(delivery.to.name, Outbox(delivery.to))
                refusal = await outbox.send(delivery.entry(message, self._run))
                if refusal is not None:
                    self.tally.refused[refusal] += 1
                    self.tally.group_blocked += len(lot) - index - 1
                    return
                self._sent([message.message_id], confirmed)
                if self._turns:
                    self._turns.sent.append(message)
            return
        to = lot[0][1].to
        for part in _parts([delivery.entry(message, self._run) for message, delivery in lot]):
            outcome = await to.send(part)
            self._sent([id_ for id_, refusal in outcome.items() if refusal is None], confirmed)
            self.tally.refused.update(refusal for refusal in outcome.values() if refusal is not None)

    def _sent(self, ids: list[str], confirmed: list[str]) -> None:
        if not ids:
            return
        if self._journal is not None:
            self._journal.sent(ids)
        self._sweep.sent(ids)
        confirmed.extend(ids)
        self.tally.moved += len(ids)
        self._moved(len(ids))


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


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
