"""Sends single messages of many groups ten at a time, so that order costs no round trip of its own.

A batch may fail in part. Were two messages of a group in one batch, the second could arrive and the first fail, and
the order would be lost for good. Every caller therefore has one message of its group out at a time, and the outbox
fills its batches from many groups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ops.sqs.client import TEN, nothing
from ops.sqs.message import MOST_BYTES, Entry

LINGER = 0.001
"""Seconds that a batch waits for company."""


class Destination(Protocol):
    """Something that messages are sent to: a queue, or a function."""

    @property
    def name(self) -> str:
        """The URL of a queue, the ARN of anything else."""

    async def room(self) -> int:
        """Bytes of the largest message that it takes."""

    async def send(self, entries: Sequence[Entry]) -> Mapping[str, str | None]:
        """Sends up to ten messages: by entry id None where the destination confirmed the message, else why not."""


class Outbox:
    """Batches what several tasks send to one destination.

    `taken` is told the ids of what was confirmed of a batch, all at once, before those who wait for them; what it
    raises, they raise.
    """

    def __init__(self, to: Destination, taken: Callable[[list[str]], None] = nothing) -> None:
        self._to = to
        self._taken = taken
        self._waiting: list[tuple[Entry, asyncio.Future[str | None]]] = []
        self._size = 0
        self._timer: asyncio.TimerHandle
        self._under_way: set[asyncio.Task[None]] = set()

    async def send(self, entry: Entry) -> str | None:
        """None once SQS confirmed the message, else why it was not sent.

        Raises `Refused` where SQS refuses the batch, `Unanswered` where no answer came.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str | None] = loop.create_future()
        size = entry.size
        if self._waiting and self._size + size > MOST_BYTES:
            self._flush()
        if not self._waiting:
            self._timer = loop.call_later(LINGER, self._flush)
        self._waiting.append((entry, future))
        self._size += size
        if len(self._waiting) == TEN:
            self._flush()
        return await future

    def _flush(self) -> None:
        self._timer.cancel()
        batch, self._waiting, self._size = self._waiting, [], 0
        task = asyncio.ensure_future(self._send(batch))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _send(self, batch: list[tuple[Entry, asyncio.Future[str | None]]]) -> None:
        try:
            outcome = await self._to.send([entry for entry, _ in batch])
            if confirmed := [entry.id for entry, _ in batch if outcome[entry.id] is None]:
                self._taken(confirmed)
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for entry, future in batch:
            if not future.done():
                future.set_result(outcome[entry.id])
