"""Going once through a queue: every message is received, held out of sight, and settled or put back.

A message that was received stays this sweep's own until it is deleted or released: its visibility is extended while
the work takes long, a second receive of it only refreshes its receipt handle, and one that was already sent elsewhere
is deleted and never handed out again. A hold that ran out, because the process was stopped or the machine slept, is a
hold no more: others may have had the message since. On a FIFO queue at most one batch of a group is out at a time: SQS
locks a group while one of its messages is in flight, and where a lock ran out, or somebody else's implementation lets
two receives at once have the same group, the sweep shows the newcomers again and leaves them alone.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from ops.errors import OpsError
from ops.sqs.client import Refused, Sqs, nothing
from ops.sqs.clock import Clock
from ops.sqs.message import Message
from ops.sqs.transport import Unanswered
from ops.sqs.workers import all_done, tens

MOST_HELD = 100_000
"""Messages held at once, at the most: SQS allows 120,000 in flight.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""

VISIBILITY = 120
"""Seconds that a message is hidden for at a time."""
WAIT = 1
"""Seconds that a receive waits for a message; a receive that waits asks all of SQS's servers.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html"""
PATIENCE = 3
"""Passes in a row that bring nothing although SQS counts waiting messages: its counts lag, and so may a receive."""
EXTENDERS = 8
"""Calls at once that hide what is held for longer: in single file, those for all that may be held take too long."""
LOOKS = 2
"""Times that a message may hide with nothing new seen and nothing deleted meanwhile: who loses answers all the time
would wait for ever."""
WAITING = "ApproximateNumberOfMessages"
HIDDEN = "ApproximateNumberOfMessagesNotVisible"

Visit = Callable[[list[Message]], Awaitable[None]]


async def nothing_more() -> None:
    """Does nothing last."""


class _Hold(Struct, gc=False):
    receipt: str
    until: float
    group: str | None
    gone: bool = False
    """It was sent, or is being dropped: only its deletion is left."""


class Sweep:
    """One pass over one queue, by several workers at once.

    `visibility` is how many seconds a message is hidden for at a time, `VISIBILITY` where it is not said; longer where
    the work takes longer. `gone` are ids of messages that an earlier pass already sent; it may hide those and others
    for `hidden` seconds more, which are waited for while SQS counts any that are not this sweep's. `settled` is told
    the ids of what was sent and is surely not in the queue any more, `waits` how many such messages are waited for, and
    for how many seconds at the most.
    """

    def __init__(
        self,
        sqs: Sqs,
        url: str,
        *,
        workers: int = 16,
        visibility: int | None = None,
        gone: Iterable[str] = (),
        hidden: float = 0.0,
        most_held: int = MOST_HELD,
        settled: Callable[[Iterable[str]], None] = nothing,
        waits: Callable[[int, float], None] = nothing,
    ) -> None:
        self._sqs = sqs
        self._url = url
        self.fifo = url.endswith(".fifo")
        self._workers = workers
        self._visibility = visibility or VISIBILITY
        self._clock = Clock()
        self._gone = set(gone)
        self._ahead: deque[list[Message]] = deque()
        self._looking = 0
        self._settled = settled
        self._waits = waits
        self._most_held = most_held
        self._holds: dict[str, _Hold] = {}
        self._groups: dict[str | None, int] = {}
        self._look_until = self._now() + hidden if hidden or self._gone else 0.0
        self._waits_since: float | None = None
        """Since when it waits with no message seen for the first time, and none deleted."""
        self._looks_back = False
        """Whether what was kept was released, only to see whether anything that was sent is there beside it."""
        self._seen = 0
        self.last: Callable[[], Awaitable[None]] = nothing_more
        """What is done at the end, before what is held is shown to others."""
        self.stopped: str | None = None
        """Why the sweep ended before the queue was empty."""

    @property
    def held(self) -> int:
        """Messages out of sight that nobody has settled."""
        return sum(not hold.gone for hold in self._holds.values())

    @property
    def ahead(self) -> int:
        """The size of the messages that wait for their visit."""
        return sum(len(message.body) for lot in self._ahead for message in lot)

    @property
    def undeleted(self) -> int:
        """Messages that were sent and that SQS has not deleted yet."""
        return sum(hold.gone for hold in self._holds.values()) + len(self._gone)

    @property
    def missing(self) -> int:
        """Messages that were sent, may be in the queue still, and were not seen since."""
        return len(self._gone)

    def lapsed(self, ids: Iterable[str]) -> set[str]:
        """Those of them that somebody else can have received, or will in the next moments."""
        soon = self._now() + self._visibility / 20
        return {id_ for id_ in ids if (hold := self._holds.get(id_)) is None or hold.until <= soon}

    def let_go(self, ids: Iterable[str]) -> None:
        """These are not held any more: who is still in the queue comes again, as if it was never here."""
        for id_ in ids:
            hold = self._holds.pop(id_, None)
            if hold is not None and not hold.gone:
                self._seen -= 1
                self._unlock(hold.group)
        self._look_again()

    async def look_ahead(self) -> list[Message]:
        """Receives messages that are visited later, once it is their turn; none where none is visible.

        Raises `Refused` and `Unanswered` as the calls do.
        """
        self._looking += 1
        try:
            asked = self._now()
            received = await self._sqs.receive(self._url, visibility=self._visibility, wait=WAIT)
            fresh, sent, early = self._take(received, asked + self._visibility)
            if early:
                await self._show(early)
            if fresh:
                self._ahead.append(fresh)
            if sent:
                await self.delete(sent)
            return fresh
        except Unanswered:
            self._look_again()
            raise
        finally:
            self._looking -= 1

    def stop(self, reason: str) -> None:
        """Receives nothing more; what is under way is finished."""
        self.stopped = self.stopped or reason

    async def run(self, visit: Visit) -> None:
        """Hands every message once to `visit`, up to ten at a time, in order within each group.

        What `visit` does not delete is released at the end. Raises `Refused` and `Unanswered` as the calls do.
        """
        keeper = asyncio.create_task(self._extend())
        idle = deletions = 0
        try:
            while self.stopped is None:
                seen = self._seen
                await all_done([self._work(visit) for _ in range(self._workers)], lambda: self.stop("failed"))
                # A receipt handle may have been renewed while its deletion was under way, which then deleted nothing.
                again = [id_ for id_, hold in self._holds.items() if hold.gone] if deletions < PATIENCE else []
                deletions += bool(again)
                for lot in tens(again):
                    await self.delete(lot)
                idle = idle + 1 if seen == self._seen else 0
                counts = await self._sqs.attributes(self._url, (WAITING, HIDDEN))
                waiting, others = int(counts[WAITING]), int(counts[HIDDEN]) > self.held
                # A receive may come back empty from a queue that is not, and what was hidden by a call whose answer
                # was lost, or by a process that died, comes back when its visibility runs out.
                if self._looking or self._ahead:
                    await asyncio.sleep(0.01)
                    continue
                if (others or self.undeleted) and (left := self._still_looks()) > 0:
                    self._waits(self.undeleted, left)
                    idle = 0
                    await asyncio.sleep(1)
                elif not waiting or idle >= PATIENCE:
                    if self.fifo and waiting and self.undeleted and not others and not self._looks_back:
                        # What was sent was among the first of its group, and may be behind what is held of it.
                        self._looks_back = True
                        await self.release()
                        idle = 0
                        continue
                    if not others and (not waiting or self._looks_back):
                        self._settle()
                    break
            ended = self.stopped
            await self.last()
            self.stopped = ended  # whoever stops that does not stop the sweep, which is over
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await self.release()

    def sent(self, ids: Iterable[str]) -> None:
        """These live elsewhere now: whatever happens, they are not shown to others again, but deleted."""
        for id_ in ids:
            hold = self._holds.get(id_)
            if hold is not None and not hold.gone:
                hold.gone = True
                self._unlock(hold.group)

    async def delete(self, ids: Sequence[str]) -> set[str]:
        """Deletes messages of this sweep; what SQS does not delete is deleted when it is received again."""
        self.sent(ids)
        receipts = {id_: self._holds[id_].receipt for id_ in ids if id_ in self._holds}
        done = await self._sqs.delete(self._url, receipts)
        settled: list[str] = []
        for id_ in done & self._holds.keys():
            hold = self._holds[id_]
            # SQS confirms the deletion by an outdated receipt handle without deleting anything.
            if hold.receipt == receipts[id_]:
                del self._holds[id_]
                if hold.until < self._now():
                    self._gone.add(id_)
                    self._look_again()
                else:
                    settled.append(id_)
        if settled:
            self._waits_since = None
            self._settled(settled)
        if len(done) < len(receipts):
            self._look_again()
        return done

    async def release(self) -> None:
        """Shows everything that is still held to others at once, the latest of a group first.

        Within a group the first message keeps the lock until the rest is visible, so that nobody receives the rest
        without it.
        """
        now = self._now()
        kept = [(i, hold.receipt) for i, hold in reversed(self._holds.items()) if not hold.gone and now < hold.until]
        for lot in tens(kept):
            try:
                await self._sqs.hide(self._url, dict(lot), 0)
            except (Refused, Unanswered):
                return  # they come back by themselves when their visibility runs out
            for id_, _ in lot:
                self._unlock(self._holds.pop(id_).group)

    async def _work(self, visit: Visit) -> None:
        empty = False
        unanswered = 0
        while self.stopped is None and not empty:
            if self._ahead:
                await visit(self._ahead.popleft())
                continue
            asked = self._now()
            try:
                received = await self._sqs.receive(self._url, visibility=self._visibility, wait=WAIT)
            except Unanswered:
                self._look_again()  # the receive may have hidden messages that nobody holds
                unanswered += 1
                if unanswered == self._sqs.attempts:
                    raise
                await self._sqs.pause(unanswered)
                continue
            except Refused as error:
                if error.fault != "OverLimit":
                    raise
                self.stop("SQS lets no more messages be in flight")
                return
            fresh, sent, early = self._take(received, asked + self._visibility)
            empty, unanswered = not (fresh or sent), 0
            if early:
                await self._show(early)
            if sent:
                await self.delete(sent)
            if fresh and self.stopped is None:
                await visit(fresh)
            if len(self._holds) >= self._most_held:
                self.stop(f"{self._most_held:,} messages are held, which is as many as SQS lets be in flight")

    def _take(self, received: list[Message], until: float) -> tuple[list[Message], list[str], list[Message]]:
        """The messages to visit, the ids of those that were sent already, and those whose group is out already."""
        fresh: list[Message] = []
        again: list[Message] = []
        sent: list[str] = []
        early: list[Message] = []
        locked = set(self._groups)
        for message in received:
            id_ = message.message_id
            hold = self._holds.get(id_)
            if hold is not None:
                hold.receipt, hold.until = message.receipt_handle, until
                if hold.gone:
                    sent.append(id_)
            elif id_ in self._gone:
                self._gone.discard(id_)
                self._holds[id_] = _Hold(message.receipt_handle, until, message.group, gone=True)
                sent.append(id_)
            elif self.fifo and message.group in locked:
                early.append(message)
            else:
                self._holds[id_] = _Hold(message.receipt_handle, until, message.group)
                (again if self._looks_back else fresh).append(message)
        self._seen += len(fresh)
        self._waits_since = None if fresh else self._waits_since
        if self.fifo:
            for message in (*fresh, *again):
                self._groups[message.group] = self._groups.get(message.group, 0) + 1
        return fresh, sent, early

    async def _show(self, early: list[Message]) -> None:
        """Shows these again at once, the latest first; where that fails they come back by themselves.

        Until it is done their groups stay locked here, because what comes after them could be received before them.
        """
        receipts = {message.message_id: message.receipt_handle for message in reversed(early)}
        groups = {message.group for message in early}
        for group in groups:
            self._groups[group] = self._groups.get(group, 0) + 1
        try:
            shown = await self._sqs.hide(self._url, receipts, 0)
        except (Refused, Unanswered):
            shown = set()
        finally:
            for group in groups:
                self._unlock(group)
        if len(shown) < len(receipts):
            self._look_again()

    def _unlock(self, group: str | None) -> None:
        """Once nothing of a group is held unsent, the group may be handed out again."""
        if not self.fifo:
            return
        self._groups[group] -= 1
        if not self._groups[group]:
            del self._groups[group]

    def _settle(self) -> None:
        """Nothing is hidden but what is held, so what was sent is deleted, whether or not SQS's answer arrived."""
        settled = [*self._gone, *(id_ for id_, hold in self._holds.items() if hold.gone)]
        self._holds = {id_: hold for id_, hold in self._holds.items() if not hold.gone}
        self._gone.clear()
        if settled:
            self._settled(settled)

    def _look_again(self) -> None:
        """Messages may come back once their visibility runs out: keep looking until then."""
        self._look_until = max(self._look_until, self._now() + self._visibility + WAIT)

    def _still_looks(self) -> float:
        """Seconds for which the sweep, which waits now, looks for what may come back."""
        now = self._now()
        self._waits_since = now if self._waits_since is None else self._waits_since
        return min(self._look_until, self._waits_since + LOOKS * (self._visibility + WAIT)) - now

    async def _extend(self) -> None:
        while True:
            await asyncio.sleep(self._visibility / 4)
            now = self._now()
            # What ran out is not extended: SQS may say yes to the old receipt of a message that others hold by now.
            soon = now + self._visibility / 2
            lots = tens([id_ for id_, hold in self._holds.items() if now < hold.until < soon])
            await asyncio.gather(*(self._hide_longer(lots) for _ in range(EXTENDERS)))

    async def _hide_longer(self, lots: Iterator[list[str]]) -> None:
        for lot in lots:
            asked = self._now()
            receipts = {i: held.receipt for i in lot if (held := self._holds.get(i)) is not None and asked < held.until}
            if not receipts:
                continue
            try:
                extended = await self._sqs.hide(self._url, receipts, self._visibility)
            except (OpsError, Unanswered):
                continue  # there is time for another try, and whoever is not signed in is told elsewhere
            for id_ in extended & self._holds.keys():
                hold = self._holds[id_]
                if hold.receipt == receipts[id_]:  # else it was received again meanwhile, and is held for longer
                    hold.until = asked + self._visibility

    def _now(self) -> float:
        return self._clock.now()
