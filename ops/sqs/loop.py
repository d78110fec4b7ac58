"""The event loop that moves messages: uvloop where it is installed, since it halves the cost of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # there is none for Windows
    new_event_loop = asyncio.new_event_loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end, and what it started too."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
