"""Redrives that go on while somebody looks at something else: each in a thread, as the command runs it.

The same lock, journal and audit record: a process that is killed leaves what `resume` goes on with.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock, Thread

from ops.errors import OpsError, UsageError
from ops.queue import find_dead
from ops.redrive import journal as journals
from ops.redrive import run as runs
from ops.redrive.report import Progress, Report
from ops.redrive.request import Request
from ops.redrive.stop import stop
from ops.stage import Stage

MOST = 50
"""Ended ones whose reports are kept."""
WAIT = 20.0
"""Seconds for which it is waited at the end that they stop."""


@dataclass
class Job:
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
    error: str | None = None
    ended: float | None = None
    _thread: Thread | None = field(default=None, repr=False)

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

    def wait(self, seconds: float) -> bool:
        """Waits for its end, so long at the most; whether it ended."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self.ended is not None


class Background:
    """The redrives of this process, by the names of their runs."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = Lock()

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

    def find(self, run: str) -> Job | None:
        """The one of that name, if this process had it lately."""
        with self._lock:
            return self._jobs.get(run)

    def running(self) -> list[Job]:
        """Those that did not end yet."""
        with self._lock:
            return [job for job in self._jobs.values() if job.ended is None]

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
            try:
                job.report = work(job.progress)
            except OpsError as error:
                job.error = str(error)
            except OSError as error:
                job.error = f"{error.filename or 'A file'} cannot be used: {error.strerror}."
            except Exception as error:  # whoever waits for it must not wait for ever
                job.error = f"It failed unexpectedly ({type(error).__name__}: {error}); `resume {job.run}` may go on."
                raise
            finally:
                job.ended = time.time()

        job._thread = Thread(target=run, name=job.run, daemon=True)
        with self._lock:
            ended = [name for name, each in self._jobs.items() if each.ended is not None]
            for name in ended[: max(len(ended) - MOST, 0)]:
                del self._jobs[name]
            self._jobs[job.run] = job
        job._thread.start()
        return job
