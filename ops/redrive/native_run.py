"""A redrive that AWS's own mover does, as a run of ours: recorded, bound, watched, and told like any other.

AWS's task ends when the dead-letter queue is empty, and moves what came straight back again and again, for up to 36
hours. So it is cancelled once as many were moved as were there at the start, or when most of a sample came back.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

import time
from time import monotonic

import msgspec

from ops import audit
from ops.dead_letters.start import START, Start
from ops.depth import depth
from ops.errors import OpsError, UsageError
from ops.lease import Lease
from ops.queue import Queue, sources
from ops.redrive import native, sample
from ops.redrive.mover import CAME_BACK
from ops.redrive.native import Task
from ops.redrive.report import FAILED, Progress, Report
from ops.redrive.request import Request
from ops.redrive.sample import Sample
from ops.sqs.client import TEN
from ops.sqs.connection import INTERRUPTED
from ops.sqs.message import Message
from ops.stage import Stage

LOOK = 20.0
"""Seconds between two looks at what came back, while AWS moves."""
LINGER = 5.0
"""Seconds for which it is looked at afterwards, while those who take the messages have them."""
STEP = 1.0
SHARE = 4
"""One of so many messages is looked at while AWS moves."""


def move(
    stage: Stage, dead: Queue, to: Queue | None, request: Request, run: str, lease: Lease, progress: Progress
) -> Report:
    """Lets AWS move what is in `dead`, for as long as it takes, and reports. Raises as `native.start` does."""
    started = monotonic()
    course = _Course(stage, dead, to, request, lease)
    report = Report(run, dead.word, acted=True, native=True, forced=request.force)
    tally = report.tally
    tally.seen = tally.matched = course.start.waiting
    native.start(stage, dead, to=to, rate=request.native_rate)
    record = audit.begin(stage, report.run, "native redrive", dead.word, msgspec.to_builtins(request))
    try:
        ended = native.follow(stage, dead, progress, course.stop)
        tally.moved = ended.moved
        cancelled = ended.status == "CANCELLED"
        report.stopped = course.stopped or (INTERRUPTED if cancelled else None)
        if report.stopped in (None, START):
            course.linger()
    except KeyboardInterrupt:
        tally.moved = native.cancel(stage, dead)
        report.stopped = INTERRUPTED
    except OpsError as error:
        report.stopped, report.failure = FAILED, str(error)
    if report.failure is None:
        report.dead_again = depth(stage, dead).waiting
    tally.came_back, report.sampled = course.sample.back, course.sample.moved
    report.mostly_back = course.sample.mostly_back
    tally.to[to.word if to is not None else "where they came from"] = tally.moved
    asked = f"Stopped by `cancel`, from {lease.asked_by}." if lease.asked_by is not None else None
    told = audit.end(stage, record, {"moved": tally.moved, "stopped": report.stopped})
    report.problem = told or asked or course.problem
    report.seconds = round(monotonic() - started, 3)
    return report


class _Course:
    """What a move began with, and what it has come to."""

    def __init__(self, stage: Stage, dead: Queue, to: Queue | None, request: Request, lease: Lease) -> None:
        self._stage = stage
        self._dead = dead
        self._to = to
        self._request = request
        self._lease = lease
        self._next = monotonic() + LOOK
        self.stopped: str | None = None
        self.problem: str | None = None
        """Why nobody can say whether messages came back."""
        self.sample = Sample([])
        self.sample = Sample(self._seen(sample.MOST))
        self.start = Start.of(stage, dead)

    def stop(self, task: Task) -> bool:
        """Whether the move is to be cancelled now."""
        if self._lease.ends:
            self.stopped = INTERRUPTED
        elif not self._request.follow and task.moved >= self.start.most:
            self.stopped = START
        elif not self._request.force and monotonic() >= self._next:
            self._glance()
            self._next = monotonic() + LOOK
            self.stopped = CAME_BACK if self.sample.mostly_back else None
        return self.stopped is not None

    def linger(self) -> None:
        """Looks for what comes back until most did, nobody has anything of it any more, or it was long enough."""
        until = monotonic() + LINGER
        while True:
            self._look()
            if not self.sample.size or self.sample.mostly_back or monotonic() >= until or self._handled():
                return
            time.sleep(STEP)

    def _glance(self) -> None:
        """Looks at a part only: a task that finds everything hidden takes the queue for empty, and ends."""
        try:
            most = min(depth(self._stage, self._dead).waiting // SHARE, sample.MOST_LATER)
        except OpsError:
            return
        if self.sample.size and most >= TEN:
            self.sample.look(self._seen(most - most % TEN, workers=1), whole=False)

    def _look(self) -> None:
        if self.sample.size:
            seen = self._seen(sample.MOST_LATER)
            self.sample.look(seen, whole=len(seen) < sample.MOST_LATER)

    def _seen(self, most: int, workers: int = 4) -> list[Message]:
        try:
            return sample.receive(self._stage, self._dead, most, workers)
        except OpsError as error:
            self.problem = f"Whether they came straight back cannot be seen: {error}"
            return []

    def _handled(self) -> bool:
        """Whether nothing is in the queues that the messages went to, as far as SQS counts."""
        try:
            if self._to is not None:
                there = [self._to]
            else:
                urls = sources(self._stage, self._dead)
                there = [Queue(url, "other", url.rpartition("/")[2], url, self._dead.region) for url in urls]
            counts = [depth(self._stage, queue) for queue in there]
        except (OpsError, UsageError):
            return False
        return not any(each.waiting or each.in_flight or each.delayed for each in counts)
