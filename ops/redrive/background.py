"""Redrives that go on while somebody looks at something else: each in a thread, as the command runs it.

The same lock, journal and audit record: a process that is killed leaves what `resume` goes on with.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from ops.background import Work, Works
from ops.errors import OpsError, UsageError
from ops.queue import find_dead
from ops.redrive import journal as journals
from ops.redrive import run as runs
from ops.redrive.report import Progress, Report
from ops.redrive.request import Request
from ops.redrive.stop import stop
from ops.stage import Stage

WAIT = 20.0
"""Seconds for which it is waited at the end that they stop."""


@dataclass
class Job(Work):
    """A redrive, or with `acts` False a dry run, that runs or ran in this process. Times are epoch seconds.

    `done` of about `of` messages are done; `note` says what is waited for. `error` is why there is no report.
    """

    run: str
    stage: Stage = field(repr=False)
    request: Request = field(repr=False)
    acts: bool
    started: float
    done: int = 0
    of: int = 0
    note: str = ""
    report: Report | None = None

    @property
    def seconds(self) -> float:
        """For how long it has run."""
        return (self.ended or time.time()) - self.started

    @property
    def rate(self) -> float:
        """Messages a second, since it began."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def progress(self, done: int, of: int, note: str = "") -> None:
        """Takes note of how far it is."""
        ids = self.request.selection.ids
        self.done, self.of, self.note = done, of if ids is None else min(of, len(ids)), note


class Background(Works[Job]):
    """The redrives of this process, by the names of their runs."""

    def redrive(self, stage: Stage, request: Request, *, yes: bool) -> Job:
        """Begins one. What keeps it from its work is its `error`."""
        run = journals.new_run()

        def work(progress: Progress) -> Report:
            return runs.redrive(stage, request, yes=yes, progress=progress, run=run)

        return self._begin(Job(run, stage, request, yes, time.time()), work)

    def resume(self, stage: Stage, run: str) -> Job:
        """Goes on with one that was interrupted. Raises `UsageError` where there is none, or it runs."""
        there = {journal.run: journal.request for journal in journals.unfinished(stage)}
        if run not in there:
            raise UsageError(f"There is no unfinished redrive {run!r}; there is: {', '.join(there) or 'none'}.")
        job = Job(run, stage, there[run], True, time.time())
        return self._begin(job, lambda progress: runs.resume(stage, run, progress=progress))

    def close(self) -> list[Job]:
        """Asks those that move messages to stop, and waits for them; those that did not in time."""
        moving = [job for job in self.running() if job.acts]
        for job in moving:
            with suppress(OpsError):
                stop(job.stage, find_dead(job.stage, job.request.queue))
        end = time.monotonic() + WAIT
        return [job for job in moving if not job.wait(max(end - time.monotonic(), 0.0))]

    def _begin(self, job: Job, work: Callable[[Progress], Report]) -> Job:
        def run() -> None:
            job.report = work(job.progress)

        return self.start(job.run, job, run, f"`resume {job.run}` may go on")
