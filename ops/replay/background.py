"""Replays that go on while somebody looks at something else: each watched in a thread, as the command watches it.

AWS does the replay. The thread only sees how it ends and records it; where the process ends before, the record says
that nobody saw the end, and AWS goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Event

from ops.background import Work, Works
from ops.errors import OpsError
from ops.redrive.journal import new_run
from ops.replay import run
from ops.replay.run import Plan, Report
from ops.stage import Stage
from stacks import names

WAIT = 5.0
"""Seconds for which it is waited at the end that the records are written."""


@dataclass
class Watched(Work):
    """A replay that this process began; `error` is why it did not begin, or why nobody knows how it goes on."""

    name: str
    stage: Stage = field(repr=False)
    plan: Plan = field(repr=False)
    report: Report | None = None


class Background(Works[Watched]):
    """The replays that this process began, by their names."""

    def __init__(self) -> None:
        super().__init__()
        self._leaving = Event()

    def replay(self, stage: Stage, plan: Plan, every: float | None = None) -> Watched:
        """Begins what was planned, looking again after `every` seconds. What keeps it from beginning is its `error`."""
        watched = Watched(names.replay(stage.name, new_run()), stage, plan)

        def progress(done: int, of: int) -> None:
            watched.began()
            if self._leaving.is_set() and done < of:
                raise OpsError("The console ended while AWS went on.")

        def work() -> None:
            watched.report = run.replay(stage, plan, progress, every, watched.name)
            watched.error = watched.report.failure

        return self.start(watched.name, watched, work, "`replays` says how it is")

    def leave(self) -> list[str]:
        """Leaves those that are under way to AWS, which is recorded; their names."""
        self._leaving.set()
        left = self.running()
        end = time.monotonic() + WAIT
        for each in left:
            each.wait(max(end - time.monotonic(), 0.0))
        return [each.name for each in left if each.report is None or each.report.replay is None]
