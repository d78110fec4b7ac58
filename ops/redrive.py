"""Brings dead letters home."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import msgspec
from msgspec import Struct

from ops import audit, native, runs
from ops.archive import Archive
from ops.cause import Causes
from ops.connection import INTERRUPTED, connected, interruptible
from ops.depth import depth
from ops.edit import Edit, difference
from ops.errors import UsageError
from ops.home import Homes
from ops.journal import Journal
from ops.loop import run as run_loop
from ops.message import Message
from ops.mover import Delivery, Mover
from ops.pace import Adaptive, Pace
from ops.queue import Queue, find, find_dead
from ops.selection import EVERYTHING, Selection
from ops.sqs import Sqs
from ops.stage import Stage
from ops.sweep import Sweep

Progress = Callable[[int, int], None]
"""Takes how many messages are done, and how many there are, approximately."""
UNLIMITED = math.inf
DIFFERENCES = 3
"""Edited messages whose difference is shown."""


def quiet(done: int, of: int) -> None:
    """Shows no progress."""


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a redrive was asked to do, as its journal keeps it."""

    queue: str
    url: str
    to: str | None = None
    filter: str | None = None
    older_than: int | None = None
    cause: str | None = None
    ids: tuple[str, ...] = ()
    limit: int | None = None
    edit: str | None = None
    rate: float | None = None
    keep_order: bool = True
    force: bool = False

    @property
    def selection(self) -> Selection:
        """Which messages are meant."""
        return Selection(self.filter, self.older_than, self.cause, self.ids)

    @property
    def plain(self) -> bool:
        """Whether it asks for nothing that AWS's own redrive cannot do."""
        slow_enough = self.rate is None or (self.rate <= native.CAP and self.rate == int(self.rate))
        return self.selection.everything and self.limit is None and self.edit is None and slow_enough and not self.force


@dataclass
class Report:
    """What a redrive did, or in a dry run would do. Queues are named as people call them."""

    run: str
    queue: str
    acted: bool
    native: bool = False
    matched: int = 0
    moved: int = 0
    behind: int = 0
    came_back: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    to: dict[str, int] = field(default_factory=dict)
    causes: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    """Messages seen and left in the queue."""
    locked: int = 0
    """Messages that SQS did not show, because a message before them in their FIFO group is kept."""
    maybe_twice: int = 0
    """Messages in sends that got no answer; a standard queue may hold them twice, with the same idempotency key."""
    undeleted: int = 0
    """Messages that are home but still in the dead-letter queue too; `resume` deletes them."""
    stopped: str | None = None
    differences: list[str] = field(default_factory=list)
    """What an edit changes, for the first few messages."""
    originals: str | None = None
    """The file that keeps edited messages as they were."""
    problem: str | None = None
    """What went wrong beside the work, such as an audit record that was not taken."""
    seconds: float = 0.0


def redrive(
    stage: Stage,
    queue: str,
    *,
    yes: bool = False,
    to: str | None = None,
    selection: Selection = EVERYTHING,
    limit: int | None = None,
    edit: str | None = None,
    rate: float | None = None,
    natively: bool | None = None,
    keep_order: bool = True,
    force: bool = False,
    progress: Progress = quiet,
) -> Report:
    """Moves the messages of a dead-letter queue to where they came from, or to the queue `to`.

    `queue` is a work queue's word, or a dead-letter queue by word, name, URL or ARN. Without `yes` nothing is moved
    and the report says what would be. `edit` is a JSON merge patch for the bodies. `rate` is in messages a second;
    None adapts to what the other side keeps up with, `UNLIMITED` does not. `natively` says whether AWS's own redrive
    moves; None leaves it to AWS where it can do what is asked and the queue keeps no order. `keep_order` False lets
    messages of a FIFO group pass those before them that are not meant. `force` goes on although most come back.

    Raises `UsageError` for what does not exist or does not fit, `OpsError` where AWS refuses.
    """
    dead = find_dead(stage, queue)
    home = find(stage, to) if to is not None else None
    request = Request(
        queue=dead.word,
        url=dead.url,
        to=to,
        filter=selection.filter,
        older_than=selection.older_than,
        cause=selection.cause,
        ids=selection.ids,
        limit=limit,
        edit=edit,
        rate=rate,
        keep_order=keep_order,
        force=force,
    )
    if natively and not request.plain:
        raise UsageError(
            f"AWS's own redrive takes no filter, limit or edit, and a whole rate of {native.CAP} at the most."
        )
    by_aws = natively if natively is not None else _left_to_aws(stage, dead, request)
    if not yes:
        return _Move(stage, dead, home, request, runs.new_run(), None, progress).run(by_aws=by_aws)
    if by_aws:
        try:
            return _move_natively(stage, dead, home, request, progress)
        except native.Unsuitable:
            if natively:
                raise
    run = runs.new_run()
    journal = Journal(runs.path(stage, run), msgspec.to_builtins(request))
    return _Move(stage, dead, home, request, run, journal, progress).run()


def resume(stage: Stage, run: str, *, progress: Progress = quiet) -> Report:
    """Goes on with a redrive that did not end: deletes what it sent, and moves the rest as it was asked to.

    Raises `UsageError` where there is no such redrive, `OpsError` where AWS refuses.
    """
    journal = runs.journal(stage, run)
    request = msgspec.convert(journal.asked, Request)
    if request.limit is not None:
        left = request.limit - journal.moved
        request = msgspec.structs.replace(request, limit=max(left, 0))
    home = find(stage, request.to) if request.to is not None else None
    return _Move(stage, find_dead(stage, request.url), home, request, run, journal, progress).run()


def _left_to_aws(stage: Stage, dead: Queue, request: Request) -> bool:
    """FIFO stays with us: what AWS's redrive takes for deduplication ids is nowhere documented."""
    ours_to_finish = runs.pending(stage, dead.url)
    return (
        stage.endpoint is None and request.plain and not dead.fifo and dead.kind != "undelivered" and not ours_to_finish
    )


def _move_natively(stage: Stage, dead: Queue, home: Queue | None, request: Request, progress: Progress) -> Report:
    started = monotonic()
    report = Report(runs.new_run(), dead.word, acted=True, native=True)
    report.matched = depth(stage, dead).waiting
    rate = int(request.rate) if request.rate is not None else None
    native.start(stage, dead, to=home, rate=rate)
    record = audit.begin(stage, report.run, "native redrive", dead.word, msgspec.to_builtins(request))
    try:
        report.moved = native.follow(stage, dead, progress).moved
    except KeyboardInterrupt:
        report.moved = native.cancel(stage, dead)
        report.stopped = INTERRUPTED
    report.to = {home.word if home is not None else "where they came from": report.moved}
    report.problem = audit.end(stage, record, {"moved": report.moved, "stopped": report.stopped})
    report.seconds = round(monotonic() - started, 3)
    return report


class _Move:
    """One run of our own mover; without a journal a dry run."""

    def __init__(
        self,
        stage: Stage,
        dead: Queue,
        to: Queue | None,
        request: Request,
        run: str,
        journal: Journal | None,
        progress: Progress,
    ) -> None:
        self._stage = stage
        self._dead = dead
        self._to = to
        self._request = request
        self._run = run
        self._journal = journal
        self._progress = progress
        self._edit = Edit(request.edit) if request.edit is not None else None
        self._selection = request.selection
        self._originals: Archive | None = None
        self._report = Report(run, dead.word, acted=journal is not None)

    def run(self, *, by_aws: bool = False) -> Report:
        """Moves, and reports; `by_aws` only says who would move."""
        started = monotonic()
        journal, report = self._journal, self._report
        report.native = by_aws
        if journal is None:
            run_loop(self._work())
        else:
            asked = msgspec.to_builtins(self._request)
            record = audit.begin(self._stage, self._run, "redrive", self._dead.word, asked)
            try:
                if self._edit is not None:
                    self._keep_originals()
                run_loop(self._work())
                if report.stopped != INTERRUPTED and not report.undeleted:
                    journal.end(report.stopped or "done")
            finally:
                journal.close()
                if self._originals is not None:
                    self._originals.__exit__(None, None, None)
                report.problem = audit.end(self._stage, record, self._counts()) or report.problem
        report.seconds = round(monotonic() - started, 3)
        return report

    async def _work(self) -> None:
        request, report = self._request, self._report
        gone = runs.pending(self._stage, self._dead.url)
        waiting = depth(self._stage, self._dead).waiting
        goal = waiting if request.limit is None else min(request.limit, waiting)
        async with connected(self._stage) as sqs:
            sweep = Sweep(sqs, self._dead.url, workers=32, gone=gone)
            causes = Causes(self._stage) if self._journal is None or self._selection.asks_cause else None
            homes = Homes(self._stage, sqs, self._dead, self._to, self._edit)
            pace = self._pace(sqs)
            mover = Mover(
                sweep,
                lambda message: self._prepare(homes, message),
                run=self._run,
                act=self._journal is not None,
                journal=self._journal,
                choose=lambda batch: self._selection.choose(batch, causes),
                limit=request.limit,
                pace=pace,
                keep_order=request.keep_order,
                force=request.force,
                moved=lambda _: self._progress(mover.tally.moved, goal),
            )
            try:
                with interruptible(sweep):
                    async with _watched(pace, mover):
                        await sweep.run(mover.visit)
            finally:
                self._fill(mover, sqs, sweep, waiting)
                if causes is not None and causes.problem is not None:
                    report.problem = f"The recorded causes could not be read: {causes.problem}"

    def _prepare(self, homes: Homes, message: Message) -> Delivery | str:
        delivery = homes.prepare(message)
        if self._edit is None or isinstance(delivery, str):
            return delivery
        if self._originals is not None:
            self._originals.write([message], [None])
        if len(self._report.differences) < DIFFERENCES and delivery.body != message.body:
            self._report.differences.append("\n".join(difference(message.body, delivery.body)))
        return delivery

    def _pace(self, sqs: Sqs) -> Pace:
        rate = self._request.rate
        if rate is None and self._journal is not None:
            return Adaptive(sqs, self._dead.url)
        return Pace(None if rate is None or math.isinf(rate) else rate)

    def _keep_originals(self) -> None:
        path = self._stage.files / f"{self._run}-originals.jsonl"
        number = 1
        while path.exists():
            number += 1
            path = self._stage.files / f"{self._run}-originals-{number}.jsonl"
        self._originals = Archive(path)
        self._report.originals = str(path)

    def _fill(self, mover: Mover, sqs: Sqs, sweep: Sweep, waiting: int) -> None:
        report, tally = self._report, mover.tally
        report.matched = tally.matched
        report.moved = tally.moved
        report.behind = tally.behind
        report.came_back = tally.came_back
        report.refused = dict(tally.refused)
        report.to = {name.rsplit("/", 1)[-1].rsplit(":", 1)[-1]: count for name, count in tally.to.items()}
        report.causes = dict(tally.causes.most_common())
        report.kept = tally.seen - tally.moved
        report.locked = max(waiting - tally.seen, 0) if self._dead.fifo and report.kept and not sweep.stopped else 0
        report.maybe_twice = 0 if self._dead.fifo else sqs.unsure
        report.undeleted = sweep.undeleted
        report.stopped = sweep.stopped

    def _counts(self) -> dict[str, Any]:
        report = self._report
        names = ("matched", "moved", "behind", "came_back", "refused", "to", "kept", "undeleted", "stopped")
        return {name: value for name in names if (value := getattr(report, name))}


@asynccontextmanager
async def _watched(pace: Pace, mover: Mover) -> AsyncIterator[None]:
    """Lets an adaptive pace look at the queues while the mover moves."""
    if not isinstance(pace, Adaptive):
        yield
        return

    def homes() -> list[str]:
        return [name for name in mover.tally.to if not name.startswith("arn:")]

    watch = asyncio.create_task(pace.watch(lambda: mover.tally.moved, homes, mover.give_up))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


__all__ = ["INTERRUPTED", "UNLIMITED", "Report", "Request", "Selection", "redrive", "resume"]
