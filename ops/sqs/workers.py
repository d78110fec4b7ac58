"""Several workers at once, of which one may fail, and their lots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from ops.sqs.client import TEN

T = TypeVar("T")


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
        await asyncio.gather(*tasks, return_exceptions=True)
    if first is not None:
        first.result()


def tens(items: Iterable[T]) -> Iterator[list[T]]:
    """The items in lists of ten, as many as one of SQS's calls takes, the last shorter; several may take from it."""
    rest = iter(items)
    while lot := list(islice(rest, TEN)):
        yield lot
