"""A stage at one moment: what waits in every queue, and how much went through in a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from msgspec import Struct

from ops.depth import Depth, depth
from ops.errors import OpsError
from ops.observe.question import Question
from ops.observe.rates import Rates, rates
from ops.pool import Pool
from ops.queue import AT_ONCE, Queue, queues
from ops.stage import Stage


class Frame(Struct, frozen=True, kw_only=True):
    """What a stage looked like `at` that time (ISO 8601, UTC). `depths` are by the queues' words.

    `unmeasured` says why what happened in a minute is not known, if so: its counts are 0 then.
    """

    stage: str
    at: str
    depths: dict[str, Depth]
    rates: Rates
    unmeasured: str | None = None


class Watch:
    """Looks at one stage again and again; its queues are looked up once. Raises `OpsError` where one is missing.

    A look waits `patience` seconds for the rates, None for as long as they take; what is late comes with a later look.
    """

    def __init__(self, stage: Stage, patience: float | None = None) -> None:
        self._stage = stage
        self._patience = patience
        self._queues = queues(stage)
        self._rates: Question[Rates] = Question(told_by(stage))

    @property
    def queues(self) -> list[Queue]:
        """The queues that are looked at."""
        return self._queues

    def look(self, count: Callable[[list[str]], Rates] | None = None) -> Frame:
        """The stage as it is now; `count` tells the rates, whose queues are named to it, else they are asked for.

        Where it raises `OpsError` the frame says why. Raises `OpsError` where SQS refuses or does not answer.
        """
        with Pool(AT_ONCE) as pool:
            minute = pool.submit(count or self._count, [queue.name for queue in self._queues])
            depths = {each.queue: each for each in pool.map(partial(depth, self._stage), self._queues)}
        try:
            counted, unmeasured = minute.result(), None
        except OpsError as error:
            counted, unmeasured = Rates(measured=self._stage.endpoint is None), str(error)
        return Frame(
            stage=self._stage.name,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            depths=depths,
            rates=counted,
            unmeasured=unmeasured,
        )

    def _count(self, queues: list[str]) -> Rates:
        now = time.time()
        self._rates.ask(now, partial(rates, self._stage, queues))
        self._rates.take(self._patience)
        return self._rates.known(now)


def told_by(stage: Stage) -> str:
    """Who tells what happened in a minute, as people call it."""
    return "CloudWatch" if stage.endpoint is None else "The log"
