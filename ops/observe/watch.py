"""A stage at one moment: what waits in every queue, and how much went through in a minute."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from msgspec import Struct

from ops.depth import Depth, depth
from ops.observe.rates import Rates, rates
from ops.queue import Queue, queues
from ops.stage import Stage

AT_ONCE = 8
"""SQS counts one queue a call, so several are asked at once."""


class Frame(Struct, frozen=True, kw_only=True):
    """What a stage looked like `at` that time (ISO 8601, UTC). `depths` are by the queues' words."""

    stage: str
    at: str
    depths: dict[str, Depth]
    rates: Rates


class Watch:
    """Looks at one stage again and again; its queues are looked up once. Raises `OpsError` where one is missing."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._queues = queues(stage)

    @property
    def queues(self) -> list[Queue]:
        """The queues that are looked at."""
        return self._queues

    def look(self, count: Callable[[list[str]], Rates] | None = None) -> Frame:
        """The stage as it is now; `count` tells the rates, whose queues are named to it, else they are asked for.

        Raises `OpsError` where AWS refuses or does not answer.
        """
        asked = count or partial(rates, self._stage)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            minute = pool.submit(asked, [queue.name for queue in self._queues])
            depths = {each.queue: each for each in pool.map(partial(depth, self._stage), self._queues)}
        return Frame(
            stage=self._stage.name,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            depths=depths,
            rates=minute.result(),
        )
