"""A redrive that AWS's own mover does, as a run of ours: recorded, bound, watched, and told like any other.

AWS's task ends when the dead-letter queue is empty, and moves what came straight back again and again, for up to 36
hours. So it is cancelled once as many were moved as were there at the start, or when most of a sample came back.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

import msgspec

from ops import audit
from ops.dead_letters.start import START, Counts, Start
from ops.depth import depth
from ops.errors import OpsError, UsageError
from ops.lease import Lease
from ops.queue import Queue, sources
from ops.redrive import native, sample
from ops.redrive.mover import CAME_BACK
from ops.redrive.native import GOES_ON, Lost, Move
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
    """Lets AWS move what is in `dead`, for as long as it takes, and reports.

    The first Ctrl-C, or a SIGTERM, cancels AWS's task and waits for its end. Raises as `native.start` does.
    """
    started = monotonic()
    course = _Course(stage, dead, to, request, lease)
    report = Report(run, dead.word, acted=True, native=True, forced=request.force)
    report.before = course.start.counts
    tally = report.tally
    tally.seen = tally.matched = course.start.waiting
    record = audit.begin(stage, report.run, "native redrive", dead.word, msgspec.to_builtins(request))
    report.stopped = FAILED
    try:
        with _signals(course.interrupt):
            begun = native.start(stage, dead, to=to, rate=request.native_rate)
            try:
                _follow(begun, course, report, progress)
            finally:
                tally.moved = begun.moved
        tally.came_back, report.sampled = course.sample.back, course.sample.moved
        report.mostly_back = course.sample.mostly_back
        tally.to[to.word if to is not None else "where they came from"] = tally.moved
        _count(stage, dead, report)
    finally:
        told = audit.end(stage, record, {"moved": tally.moved, "stopped": report.stopped})
    report.problem = told or lease.why or course.problem or report.problem
    report.seconds = round(monotonic() - started, 3)
    return report


def _follow(begun: Move, course: _Course, report: Report, progress: Progress) -> None:
    """Watches the task to its end, and what came back a little longer; the report says how it ended."""
    try:
        ended = begun.follow(progress, course.stop, course.pause)
        report.stopped = course.stopped or (INTERRUPTED if ended.status == "CANCELLED" else None)
        if ended.status == "FAILED":
            report.stopped = FAILED
            report.failure = f"AWS's move failed: {ended.failure or 'it does not say why'}."
        elif report.stopped in (None, START):
            course.linger()
    except Lost as error:
        report.stopped, report.failure = FAILED, str(error)
    except KeyboardInterrupt:
        if begun.over:  # only what came back was looked for
            course.problem = "What came straight back was not looked for to the end: Ctrl-C."
            return
        report.stopped, report.failure = INTERRUPTED, None
        try:
            begun.cancel()
        except OpsError as error:
            report.stopped, report.failure = FAILED, f"AWS's move could not be cancelled: {error} {GOES_ON}"


def _count(stage: Stage, dead: Queue, report: Report) -> None:
    """What is in the queue at the end, of which the counts say that it was there at the start."""
    try:
        now = depth(stage, dead)
    except OpsError as error:
        report.problem = f"What is left was not counted: {error}"
        return
    report.after = Counts(now.waiting, now.in_flight, now.delayed)
    report.dead_again = now.waiting
    held = report.before.in_flight if report.before is not None else 0
    if report.stopped == START:
        report.left = report.after.every
    elif report.stopped is None:
        report.in_flight = min(held, report.after.every)


@contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[None]:
    """Calls `interrupt` for the first Ctrl-C or SIGTERM; a second Ctrl-C raises `KeyboardInterrupt`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupt()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Course:
    """What a move began with, and what it has come to."""

    def __init__(self, stage: Stage, dead: Queue, to: Queue | None, request: Request, lease: Lease) -> None:
        self._stage = stage
        self._dead = dead
        self._to = to
        self._request = request
        self._lease = lease
        self._next = monotonic() + LOOK
        self._interrupted = threading.Event()
        self.stopped: str | None = None
        self.problem: str | None = None
        """Why nobody can say whether messages came back."""
        self.start = Start.of(stage, dead)  # before the sample, which SQS may count as in flight for a while
        self.sample = Sample([])
        self.sample = Sample(self._seen(sample.MOST))

    def interrupt(self) -> None:
        """Lets the move end."""
        self._interrupted.set()

    def pause(self, seconds: float) -> None:
        """Waits for so long, or until it is interrupted; after that it only waits."""
        if self._interrupted.is_set():
            time.sleep(seconds)
        else:
            self._interrupted.wait(seconds)

    def stop(self, moved: int) -> bool:
        """Whether the move is to be cancelled now, of which so many are moved."""
        if self._lease.ends or self._interrupted.is_set():
            self.stopped = INTERRUPTED
        elif not self._request.follow and moved >= self.start.most and self._more():
            self.stopped = START
        elif not self._request.force and monotonic() >= self._next:
            self._glance()
            self._next = monotonic() + LOOK
            self.stopped = CAME_BACK if self.sample.mostly_back else None
        return self.stopped is not None

    def _more(self) -> bool:
        """Whether anything is left, for what is empty ends by itself; also where nobody can say."""
        try:
            now = depth(self._stage, self._dead)
        except OpsError:
            return True
        return bool(now.waiting or now.in_flight or now.delayed)

    def linger(self) -> None:
        """Looks for what comes back until most did, nobody has anything of it any more, or it was long enough."""
        until = monotonic() + LINGER
        while True:
            handled = bool(self.sample.size) and self._handled()  # first: what leaves them from now on is seen next
            self._look()
            if not self.sample.size or self.sample.mostly_back or monotonic() >= until or handled:
                return
            if self._interrupted.wait(STEP):
                return

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
