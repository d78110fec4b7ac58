"""A moment's wait after the last message was sent, for what comes straight back: the only one, too.

A message that its consumer rejects is dead again within a second or two. So the dead-letter queue is looked at until
nobody works on what was sent, as far as SQS counts, or for `LINGER` seconds.
"""

from __future__ import annotations

import asyncio

from ops.dead_letters.start import START
from ops.errors import OpsError
from ops.redrive.mover import LIMIT, Mover
from ops.sqs.client import Sqs
from ops.sqs.sweep import HIDDEN, WAITING, Sweep
from ops.sqs.transport import Unanswered

LINGER = 5.0
"""Seconds at the most."""
STEP = 1.0
"""Seconds between two looks."""
FEW = 1_000
"""Messages beyond which a queue, of which only some were meant, is not looked through once more."""


class Linger:
    """What a sweep does last, of a mover that sends from the queue `dead`."""

    def __init__(self, sqs: Sqs, dead: str, sweep: Sweep, mover: Mover) -> None:
        self._sqs = sqs
        self._dead = dead
        self._sweep = sweep
        self._mover = mover

    async def __call__(self) -> None:
        """Waits, and lets the mover look. What goes wrong meanwhile is no fault of the redrive, which is done."""
        now = asyncio.get_running_loop().time
        until, idle = now() + LINGER, 0
        try:
            while self._mover.tally.moved and self._sweep.stopped in (None, LIMIT, START) and now() < until:
                counts = await self._sqs.attributes(self._dead, (WAITING,))
                if int(counts[WAITING]) <= FEW:
                    await self._mover.look_back()
                idle = 0 if await self._at_work() else idle + 1
                if self._mover.mostly_back or idle == 2:
                    return
                await asyncio.sleep(STEP)
        except (OpsError, Unanswered):
            return

    async def _at_work(self) -> bool:
        """Whether somebody has messages of the queues that were sent to; who may not ask takes it that they do."""
        try:
            urls = [url for url in self._mover.urls if not url.startswith("arn:")]
            return any([int((await self._sqs.attributes(url, (HIDDEN,)))[HIDDEN]) for url in urls])
        except OpsError:
            return True
