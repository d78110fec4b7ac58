"""Redrives and long looks that go on while somebody looks at something else: in a thread, as the command runs them.

The same lock, journal and audit record: a process that is killed leaves what `resume` goes on with. What only looks,
and a dry run does no more, is stopped at once, and leaves nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event

from ops.background import Work, Works
from ops.dead_letters.sample import Samples
from ops.dead_letters.selection import Selection
from ops.errors import OpsError, UsageError
from ops.queue import Queue, find_dead
from ops.redrive import journal as journals
from ops.redrive import run as runs
from ops.redrive.report import Progress, Report
from ops.redrive.request import Request
from ops.redrive.stop import stop
from ops.stage import Stage

WAIT = 20.0
"""Seconds for which it is waited at the end that they stop."""
LOOKS = 3.0
"""Seconds for which it is waited at the end that looks, which were stopped before, show what they hid: else that comes
back by itself."""


@dataclass
class Job(Work):
    """A redrive, or with `acts` False a dry run or a look, that runs or ran in this process. Times are epoch seconds.

    `done` of about `of` messages are done; `note` says what is waited for. `error` is why there is no report. A look
    has none: its sample is where it was to be kept.
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
    looks: bool = False
    dead: Queue | None = field(default=None, repr=False)
    """What is looked through, if nothing is moved."""
    stopping: Event = field(default_factory=Event, repr=False)

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
        ids = self.request.selection.ids if self.acts else None
        self.done, self.of, self.note = done, of if ids is None else min(of, len(ids)), note

    def halt(self) -> None:
        """Asks what only looks to look no further; what it saw so far is its result."""
        self.stopping.set()


class UnderWay(UsageError):
    """Somebody looks through that queue in this process already: each would hide messages from the other."""

    def __init__(self, job: Job, word: str) -> None:
        super().__init__(f"{word} is gone through already: wait for it, or stop it.")
        self.job = job


class Background(Works[Job]):
    """The redrives and looks of this process, by the names of their runs."""

    def redrive(self, stage: Stage, request: Request, *, yes: bool) -> Job:
        """Begins one. What keeps it from its work is its `error`.

        Raises `UnderWay` where it is a dry run and something looks through the queue already.
        """
        job = Job(journals.new_run(), stage, request, yes, time.time())

        def work(progress: Progress) -> Report:
            return runs.redrive(stage, request, yes=yes, progress=progress, run=job.run, stop=job.stopping)

        return self._begin(job, work)

    def look(self, stage: Stage, queue: str, samples: Samples, *, selection: Selection, limit: int) -> Job:
        """Begins a look into a dead-letter queue, of which `samples` keeps what is found, also if it is stopped.

        Raises `UsageError` where there is no such queue, and `UnderWay` where something looks through it already.
        """
        request = Request(queue, selection=selection, limit=limit)
        job = Job(journals.new_run(), stage, request, False, time.time(), looks=True)

        def work(progress: Progress) -> None:
            samples.take(stage, queue, selection=selection, limit=limit, progress=progress, stop=job.stopping)

        return self._begin(job, work)

    def looking(self, dead: Queue) -> Job | None:
        """What looks through that dead-letter queue now, if something does."""
        with self._lock:
            return self._looking(dead)

    def _looking(self, dead: Queue) -> Job | None:
        return next((job for job in self._jobs.values() if job.ended is None and job.dead == dead), None)

    def resume(self, stage: Stage, run: str) -> Job:
        """Goes on with one that was interrupted. Raises `UsageError` where there is none, or it runs."""
        there = {journal.run: journal.request for journal in journals.unfinished(stage)}
        if run not in there:
            raise UsageError(f"There is no unfinished redrive {run!r}; there is: {', '.join(there) or 'none'}.")
        job = Job(run, stage, there[run], True, time.time())
        return self._begin(job, lambda progress: runs.resume(stage, run, progress=progress))

    def halt(self) -> list[Job]:
        """Stops all that only look; those."""
        looks = [job for job in self.running() if not job.acts]
        for job in looks:
            job.halt()
        return looks

    def close(self) -> list[Job]:
        """Asks all to stop, and waits for them; those that move messages and did not in time."""
        moving, looks = [job for job in self.running() if job.acts], self.halt()
        for job in moving:
            with suppress(OpsError):
                stop(job.stage, find_dead(job.stage, job.request.queue))
        began = time.monotonic()
        late = [job for job in moving if not job.wait(max(began + WAIT - time.monotonic(), 0.0))]
        for job in looks:
            job.wait(max(began + LOOKS - time.monotonic(), 0.0))
        return late

    def _begin(self, job: Job, work: Callable[[Progress], Report | None]) -> Job:
        def run() -> None:
            job.report = work(job.progress)

        if not job.acts:
            job.dead = find_dead(job.stage, job.request.queue)
        return self.start(job.run, job, run, f"`resume {job.run}` may go on", admit=self._admit)

    def _admit(self, job: Job) -> None:
        if job.dead is not None and (other := self._looking(job.dead)) is not None:
            raise UnderWay(other, job.dead.word)
