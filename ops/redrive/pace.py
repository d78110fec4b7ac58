"""How fast messages are redriven: as fast as they are asked for, or as fast as the other side keeps up with."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from ops.errors import OpsError
from ops.sqs.client import Sqs
from ops.sqs.sweep import HIDDEN, WAITING
from ops.sqs.transport import Unanswered

START = 500.0
"""Messages a second at first: what AWS's own redrive does at the most when a rate is set."""
BEHIND = 0.25
"""Seconds that a limit may lag and make up for: a process that sleeps wakes up late."""
STEP = 0.02
"""Seconds between two looks at what is on its way."""
BURST = 100
"""Messages that go before any rate holds, so that a small redrive is done at once."""
FIRST_LOOKS = (0.25, 1.0, 2.0, 4.0)
"""Seconds to the first looks: one to know what was there, and then one after a second, in which most who receive at all
receive something."""
LAG = 60.0
"""Seconds by which SQS's counts may be late.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html"""
ENOUGH = 20
"""Messages sent before a redrive is judged by how many come back."""
SLOWEST = 5.0
FASTEST = 50_000.0


class Pace:
    """Lets so many messages a second pass; `rate` None is no limit.

    What a stall held up, of this process or of SQS, does not go all at once afterwards: no more than `BEHIND` seconds
    are made up for, and while more than a second's worth is on its way to SQS nothing passes.
    """

    def __init__(self, rate: float | None = None) -> None:
        self.rate = rate
        self._free = 0.0
        self._turn = asyncio.Lock()
        self._under_way = 0

    async def take(self, messages: int, given_up: Callable[[], bool] = lambda: False) -> bool:
        """Waits until that many messages may go; False, at once, when the work is given up meanwhile.

        Who was let pass says `went` when they are gone, or are not sent.
        """
        if self.rate is not None:
            await self._in_turn(messages, given_up)
        if given_up():
            return False
        self._under_way += messages
        return True

    async def _in_turn(self, messages: int, given_up: Callable[[], bool]) -> None:
        now = asyncio.get_running_loop().time
        async with self._turn:
            while self.rate is not None and not given_up():
                wait = self._free - now()
                if self._under_way and self._under_way + messages > self.rate:
                    wait, self._free = STEP, max(self._free, now() + messages / self.rate)
                if wait <= 0:
                    self._free = max(self._free, now() - BEHIND) + messages / self.rate
                    return
                await asyncio.sleep(min(wait, 0.5))

    def went(self, messages: int) -> None:
        """So many of those that were let pass are not on their way any more."""
        self._under_way -= messages


@dataclass(frozen=True)
class Look:
    """What happened between two looks."""

    seconds: float
    sent: int
    growth: int | None
    """By how many more messages wait where they were sent to; None where that is not known yet."""
    depth: int
    """Messages that wait there now."""
    in_flight: int
    """Messages of theirs that somebody held, now or at the look before."""
    fresh: bool = True
    """Whether SQS's counts have moved since the start, or have had the time to."""
    returned: int = 0
    """Dead letters that there are too many."""
    throttled: int = 0


class Adaptive(Pace):
    """As fast as SQS takes it where nobody receives what is sent; else as fast as who receives it keeps up with.

    The pace is there for a consumer that keeps receiving, and for the live messages that would wait behind a heap of
    old ones. So the first `BURST` messages go at once, which heap up for nobody, and then `START` a second until the
    counts of the queues that messages go to say one of these:

    - nobody receives: none is in flight, and what waits grew by three quarters or more of what was sent. There is
      nobody to protect: no limit, until the next look.
    - it lags: more than a second's worth waits, and grew by a tenth or more of what was sent. Half the rate that was
      reached.
    - the dead-letter queue has more than it should: by a tenth of what was sent, or more. Half, too. What should have
      left it is what the slowest look of the last minute took out, and nothing before its count has moved: it lags.
    - SQS said that it is too fast (throttles). Half, too, and from then on there is always a limit.
    - none of these, so they keep up: half as much again.

    SQS's counts may lag by a minute. Counts that have not moved since the start say nothing in that minute, and change
    nothing. It looks once in `every` seconds, and at first more often.
    """

    def __init__(self, sqs: Sqs, dead: str, *, every: float = 5.0) -> None:
        super().__init__(START)
        self._sqs = sqs
        self._dead = dead
        self._every = every
        self._burst = BURST
        self._throttled = False

    async def take(self, messages: int, given_up: Callable[[], bool] = lambda: False) -> bool:
        """As any pace, but for the first messages."""
        if self._burst > 0:
            self._burst -= messages
            self._under_way += messages
            return not given_up()
        return await super().take(messages, given_up)

    async def watch(
        self, moved: Callable[[], int], destinations: Callable[[], Iterable[str]], look: Callable[[], Awaitable[None]]
    ) -> None:
        """Adapts until it is cancelled.

        `moved` counts what was sent so far, `destinations` are the URLs of the queues it went to. `look` is called
        while the dead-letter queue holds as many again as most of what left it a minute ago or earlier: whether they
        are the same the counts do not tell.
        """
        clock = asyncio.get_running_loop().time
        first = dead = await self._held()
        counts: dict[str, tuple[int, int]] = {}
        history = _History(clock(), moved())
        throttled, moving = self._sqs.throttled, False
        shown: float | None = None  # since when the dead-letter queue's count follows what is taken out
        for wait in itertools.chain(FIRST_LOOKS, itertools.repeat(self._every)):
            await asyncio.sleep(min(wait, self._every))
            now, total = clock(), moved()  # before the counts, which then hold all of it
            try:
                now_counts = {url: await self._counts(url) for url in destinations()}
                now_dead = sum(await self._counts(self._dead))
                if first is None or dead is None:  # it could not be asked before
                    first = dead = now_dead
                before = history.before(now - LAG)
                if before is not None and before >= ENOUGH and now_dead > first - before / 2:
                    await look()
            except (OpsError, Unanswered):
                continue  # an operator may not read the depth of somebody else's queue
            known = now_counts.keys() == counts.keys()
            moving = moving or (known and now_counts != counts)
            if shown is None and (now_dead != first or before is not None):
                shown = history.last
            seconds, sent = history.add(now, total)
            gone = history.least(shown, seconds) if shown is not None else 0
            self.judge(
                Look(
                    seconds,
                    sent,
                    _waiting(now_counts) - _waiting(counts) if known and counts else None,
                    _waiting(now_counts),
                    sum(hidden for both in (counts, now_counts) for _, hidden in both.values()),
                    fresh=moving or before is not None,
                    returned=now_dead - dead + gone,
                    throttled=self._sqs.throttled - throttled,
                )
            )
            dead, counts, throttled = now_dead, now_counts, self._sqs.throttled

    def judge(self, look: Look) -> None:
        """Sets the rate from what happened."""
        reached = look.sent / look.seconds
        limit = self.rate if self.rate is not None else max(reached, START)
        growth = look.growth if look.growth is not None else 0
        alone = look.growth is not None and look.in_flight == 0 and growth * 4 >= look.sent * 3 and look.sent > 0
        lags = not alone and look.depth > limit and growth * 10 >= look.sent > 0
        fails = look.returned * 10 >= look.sent > 0
        self._throttled = self._throttled or look.throttled > 0
        if lags or fails or look.throttled:
            self.rate = max(min(limit, reached or limit) / 2, SLOWEST)
        elif alone and not self._throttled:
            self.rate = None
        elif look.sent and look.fresh:
            self.rate = min(limit * 1.5, FASTEST)

    async def _held(self) -> int | None:
        """What the dead-letter queue has; None where nobody says."""
        try:
            return sum(await self._counts(self._dead))
        except (OpsError, Unanswered):
            return None

    async def _counts(self, url: str) -> tuple[int, int]:
        """How many wait, and how many are in flight."""
        counts = await self._sqs.attributes(url, (WAITING, HIDDEN))
        return int(counts[WAITING]), int(counts[HIDDEN])


class _History:
    """What was sent by when."""

    def __init__(self, now: float, sent: int) -> None:
        self._looks: deque[tuple[float, int]] = deque([(now, sent)])

    @property
    def last(self) -> float:
        """When the last look was."""
        return self._looks[-1][0]

    def add(self, now: float, sent: int) -> tuple[float, int]:
        """Seconds since the last look, and what was sent since."""
        then, before = self._looks[-1]
        self._looks.append((max(now, then + 0.001), sent))
        return max(now - then, 0.001), sent - before

    def before(self, moment: float) -> int | None:
        """What was sent by then; None where that was before the start."""
        while len(self._looks) > 1 and self._looks[1][0] <= moment:
            self._looks.popleft()
        then, sent = self._looks[0]
        return sent if then <= moment else None

    def least(self, since: float, seconds: float) -> int:
        """What was sent in so many seconds by the slowest look since then that sent anything."""
        pairs = itertools.pairwise(self._looks)
        rates = [
            (sent - before) / (now - then) for (then, before), (now, sent) in pairs if then >= since and sent > before
        ]
        return int(min(rates, default=0) * seconds)


def _waiting(counts: dict[str, tuple[int, int]]) -> int:
    return sum(waiting for waiting, _ in counts.values())
