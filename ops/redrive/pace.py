"""How fast messages are redriven: as fast as they are asked for, or as fast as the other side keeps up with."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from ops.errors import OpsError
from ops.sqs.client import Sqs
from ops.sqs.sweep import HIDDEN, WAITING
from ops.sqs.transport import Unanswered

START = 500.0
"""Messages a second at first: what AWS's own redrive does at the most when a rate is set."""
LAG = 60.0
"""Seconds by which SQS's counts may be late.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html"""
ENOUGH = 20
"""Messages sent before a redrive is judged by how many come back."""
SLOWEST = 5.0
FASTEST = 50_000.0


class Pace:
    """Lets so many messages a second pass; `rate` None is no limit."""

    def __init__(self, rate: float | None = None) -> None:
        self.rate = rate
        self._free = 0.0

    async def take(self, messages: int, given_up: Callable[[], bool] = lambda: False) -> bool:
        """Waits until that many messages may go; False, at once, when the work is given up meanwhile."""
        if self.rate is None:
            return not given_up()
        now = asyncio.get_running_loop().time
        start = max(self._free, now())
        self._free = start + messages / self.rate
        while (left := start - now()) > 0:
            if given_up():
                return False
            await asyncio.sleep(min(left, 0.5))
        return not given_up()


class Adaptive(Pace):
    """Speeds up while the other side keeps up, and halves where it does not.

    It looks every few seconds. Where the queues that messages go to hold more than a second's worth and grow by a
    tenth or more of what was sent, or where the dead-letter queue has more than it should after what was taken out of
    it, the rate is halved; else it grows by half. SQS's counts lag, so a single look is never trusted further.
    """

    def __init__(self, sqs: Sqs, dead: str, *, every: float = 5.0) -> None:
        super().__init__(START)
        self._sqs = sqs
        self._dead = dead
        self._every = every

    async def watch(
        self, moved: Callable[[], int], destinations: Callable[[], Iterable[str]], look: Callable[[], Awaitable[None]]
    ) -> None:
        """Adapts until it is cancelled.

        `moved` counts what was sent so far, `destinations` are the URLs of the queues it went to. `look` is called
        while the dead-letter queue holds as many again as most of what left it a minute ago or earlier: whether they
        are the same the counts do not tell.
        """
        first = dead = await self._count(self._dead)
        depth, sent = 0, moved()
        history: deque[int] = deque([sent], maxlen=round(LAG / self._every) + 1)
        while True:
            await asyncio.sleep(self._every)
            try:
                now_depth = sum([await self._count(url) for url in destinations()])
                now_dead = await self._count(self._dead)
                if history[0] >= ENOUGH and len(history) == history.maxlen and now_dead > first - history[0] / 2:
                    await look()
            except (OpsError, Unanswered):
                continue  # an operator may not read the depth of somebody else's queue
            more = moved() - sent
            self.judge(more, now_depth - depth, now_depth, now_dead - (dead - more))
            depth, dead, sent = now_depth, now_dead, sent + more
            history.append(sent)

    def judge(self, sent: int, growth: int, depth: int, returned: int) -> None:
        """Sets the rate, from what was sent, how the depth grew, and how many dead letters there are too many."""
        assert self.rate is not None
        lagging = depth > self.rate and growth * 10 >= sent > 0
        failing = returned * 10 >= sent > 0
        self.rate = max(self.rate / 2, SLOWEST) if lagging or failing else min(self.rate * 1.5, FASTEST)

    async def _count(self, url: str) -> int:
        counts = await self._sqs.attributes(url, (WAITING, HIDDEN))
        return int(counts[WAITING]) + (int(counts[HIDDEN]) if url == self._dead else 0)
