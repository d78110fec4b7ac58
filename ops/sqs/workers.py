"""Several workers at once, of which one may fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any


async def all_done(workers: Iterable[Coroutine[Any, Any, None]], failed: Callable[[], None]) -> None:
    """Waits for all of them; when one fails, `failed` is called, and the others finish what they are at.

    They are not cut off, because a receive that is cut off hides messages for nobody. Raises what one of them raised,
    the first that failed before all others.
    """
    tasks = [asyncio.create_task(worker) for worker in workers]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        first = next((task for task in tasks if task.done() and task.exception() is not None), None)
        if first is not None:
            failed()
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if first is not None:
        first.result()
    for result in results:
        if isinstance(result, BaseException):
            raise result
