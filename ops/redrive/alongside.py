"""What goes on beside a redrive, as long as it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ops.redrive.mover import Mover
from ops.redrive.pace import Adaptive, Pace


@asynccontextmanager
async def watched(pace: Pace, mover: Mover) -> AsyncIterator[None]:
    """Lets an adaptive pace look at the queues while the mover moves."""
    if not isinstance(pace, Adaptive):
        yield
        return

    def destinations() -> list[str]:
        return [url for url in mover.urls if not url.startswith("arn:")]

    async with alongside(pace.watch(lambda: mover.tally.moved, destinations, mover.look_back)):
        yield


@asynccontextmanager
async def alongside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Does these as long as the body runs."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
