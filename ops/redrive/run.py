"""Redrives dead letters: by our own mover, or where it can do what is asked by AWS's."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from threading import Event
from time import monotonic
from typing import Any

import msgspec
from msgspec.structs import replace

from ops import audit
from ops.dead_letters.cause import Causes
from ops.dead_letters.parked import forget, groups, work_of
from ops.dead_letters.selection import Chooser, Meant
from ops.dead_letters.start import START, Start, counted
from ops.errors import OpsError
from ops.lease import Lease, held
from ops.queue import Queue, find, find_dead
from ops.redrive import journal as journals
from ops.redrive import native, native_run
from ops.redrive.alongside import alongside, watched
from ops.redrive.changes import Changes, change_of
from ops.redrive.edit import Change
from ops.redrive.journal import Journal
from ops.redrive.linger import Linger
from ops.redrive.mover import CAME_BACK, LIMIT, Mover
from ops.redrive.pace import Adaptive, Pace
from ops.redrive.pulse import EVERY
from ops.redrive.refusal import refuse, refuse_undeleted
from ops.redrive.report import FAILED, Progress, Report, quiet
from ops.redrive.request import Request
from ops.redrive.routing import Routing
from ops.redrive.turns import Turns
from ops.sqs import sweep as sweeps
from ops.sqs.client import TEN, Sqs
from ops.sqs.connection import INTERRUPTED, connected, interruptible, stoppable
from ops.sqs.loop import run as run_loop
from ops.sqs.message import REMEMBERED, Message
from ops.sqs.sweep import Sweep
from ops.stage import Stage

ENDS = frozenset({None, START, LIMIT, CAME_BACK})
"""Why a run may stop that has nothing left to go on with."""
WORKERS = 32
SPARE = 10
"""Seconds by which a process may be late with a beat, and a receive with its answer."""


def redrive(
    stage: Stage,
    request: Request,
    *,
    yes: bool = False,
    alone: bool = False,
    progress: Progress = quiet,
    change: Change | None = None,
    run: str | None = None,
    stop: Event | None = None,
) -> Report:
    """Moves the messages that are meant to where they came from, or to where the request says.

    Without `yes` nothing is moved, and the report says what would be. A fault half-way is in the report. With `alone`
    it goes on where the table that says who works on a queue cannot be asked. `change` goes before what the request
    says of edits, and is for dry runs: no journal knows it. `run` is its name, as `new_run` makes
    one, where somebody must know it before it ends. A dry run ends early once another thread says `stop`; what moves is
    stopped by `ops.redrive.stop`.

    Raises `UsageError` for what does not exist or does not fit, `OpsError` where AWS refuses before anything is moved.
    """
    dead = find_dead(stage, request.queue)
    to = find(stage, request.to) if request.to is not None else None
    refuse(stage, dead, to, request)
    change = change or change_of(stage, request)
    by_aws = request.natively if request.natively is not None else _left_to_aws(stage, dead, to, request)
    run = run or journals.new_run()
    if not yes:
        return _Move(stage, dead, request, run, None, progress, change, stop).run(by_aws=by_aws)
    if by_aws:
        try:
            with held(stage, dead, "redrive", run, alone=alone) as lease:
                refuse_undeleted(stage, dead)  # a run may have died since that was asked
                return native_run.move(stage, dead, to, request, run, lease, progress)
        except native.Unsuitable:
            if request.natively:
                raise
    journal = Journal(journals.path(stage, run), dead, request)
    return _Move(stage, dead, request, run, journal, progress, change).run(alone=alone)


def resume(stage: Stage, run: str, *, alone: bool = False, progress: Progress = quiet) -> Report:
    """Goes on with a redrive that did not end: deletes what it sent, and moves the others as it was asked to.

    Those of the sent that are out of sight, because the process that died hides them still, are waited for: two and a
    half minutes at the most. `alone` is as for `redrive`. A fault half-way is in the report. Raises `UsageError` where
    there is no such redrive, it is running, or the rule that edits its messages is not the one it began with.
    """
    journal = journals.of(stage, run)
    request = journal.request
    try:
        change = change_of(stage, request)
        if request.limit is not None:
            request = replace(request, limit=max(request.limit - journal.moved, 0))
        move = _Move(stage, journal.queue, request, run, journal, progress, change)
    except BaseException:
        journal.close(worked=False)
        raise
    return move.run(alone=alone)


def _left_to_aws(stage: Stage, dead: Queue, to: Queue | None, request: Request) -> bool:
    """FIFO stays with us: what AWS's redrive takes for deduplication ids is nowhere documented."""
    here = stage.on_aws and (to is None or to.region == dead.region)
    suits = request.plain and not (request.follow or request.force or dead.fifo or dead.kind == "undelivered")
    return here and suits and not journals.pending(stage, dead)


class _Move:
    """One run of our own mover; without a journal a dry run."""

    def __init__(
        self,
        stage: Stage,
        dead: Queue,
        request: Request,
        run: str,
        journal: Journal | None,
        progress: Progress,
        change: Change | None,
        stop: Event | None = None,
    ) -> None:
        self._stage = stage
        self._dead = dead
        self._to = find(stage, request.to) if request.to is not None else None
        self._request = request
        self._journal = journal
        self._left_behind: list[Journal] = []
        self._lease: Lease | None = None
        self._unsure = 0
        self._worked = False
        """Whether anything may have been received."""
        self._progress = progress
        self._stop = stop
        self._work_queue = work_of(stage.topology, dead.word)
        self._leaves = self._to is not None and self._to.word != self._work_queue
        acts = journal is not None
        self._report = Report(run, dead.word, acted=acts, forced=request.force)
        moved = journal.moved if journal is not None else 0
        self._changes = Changes(
            stage, change, work_queue=self._work_queue, act=acts, force=request.force, moved_before=moved
        )

    def run(self, *, by_aws: bool = False, alone: bool = False) -> Report:
        """Moves, and reports; `by_aws` only says who would move."""
        started = monotonic()
        journal, report = self._journal, self._report
        report.native = by_aws
        if journal is None:
            run_loop(self._work())
        else:
            try:
                with held(self._stage, self._dead, "redrive", report.run, alone=alone) as self._lease:
                    if journal.idle is None:
                        journal.hold()
                    self._left_behind = journals.left_behind(self._stage, self._dead)
                    self._act(journal)
                report.problem = self._lease.why or report.problem
            finally:
                for each in (journal, *self._left_behind):
                    each.close(worked=self._worked)
        self._changes.tell(report)
        report.seconds = round(monotonic() - started, 3)
        return report

    def _act(self, journal: Journal) -> None:
        report = self._report
        asked = msgspec.to_builtins(self._request)
        record = audit.begin(self._stage, report.run, "redrive", self._dead.word, asked)
        try:
            self._changes.keep_originals(report)
            try:
                run_loop(self._work())
            except (OpsError, KeyboardInterrupt) as error:
                if journal.idle is None and not journal.moved and not self._unsure:
                    journal.forget()
                    raise
                self._failed(error)
                report.undeleted = len(journal.pending)
            if report.stopped in ENDS and not report.undeleted and not report.in_flight:
                try:
                    journal.end(report.stopped or "done")
                    self._end_left_behind()
                except OpsError as error:
                    self._failed(error)
            if not journal.catch_up() and not self._dead.fifo:
                report.maybe_twice += len(journal.unwritten)
        finally:
            if self._request.edit is not None and journal.ended is None and journal.path.exists():
                report.edit_in = str(journal.path)
            self._changes.close(report)
            report.problem = audit.end(self._stage, record, self._result()) or report.problem

    def _end_left_behind(self) -> None:
        """Ends the runs whose leftovers are settled, where this one took all that was there, so theirs too."""
        report, tally = self._report, self._report.tally
        kept = tally.refused or tally.group_blocked or tally.lapsed or tally.left or report.locked or report.uncounted
        all_meant = self._request.selection.everything and self._request.limit is None
        if report.stopped not in (None, START) or kept or not all_meant:
            return
        for each in self._left_behind:
            if not each.pending:
                with suppress(OpsError):  # it can be resumed still, and does nothing then
                    each.end(f"with {report.run}")

    def _failed(self, error: BaseException) -> None:
        told = isinstance(error, OpsError)
        self._report.stopped, self._report.failure = (FAILED, str(error)) if told else (INTERRUPTED, None)

    @property
    def _journals(self) -> list[Journal]:
        """This run's, and those of others of the same queue that left something to delete."""
        return [*([self._journal] if self._journal is not None else []), *self._left_behind]

    def _settled(self, ids: Iterable[str]) -> None:
        gone = set(ids)
        for journal in self._journals:
            journal.deleted(gone)

    def _hidden(self) -> float:
        """Seconds for which runs that died may still hide what they sent, or were about to."""
        longest = sweeps.VISIBILITY + EVERY + SPARE
        left = [e for e in self._journals if e.pending or e.pulse.died]
        return max((longest - each.idle for each in left if each.idle is not None), default=0.0)

    def _waits(self, goal: int, undeleted: int, seconds: float) -> None:
        whom = f"{undeleted:,} sent messages that are out of sight" if undeleted else "what a process that died hides"
        note = f"waiting for {whom}, {seconds:.0f} s at the most"
        self._progress(self._report.tally.moved, goal, note)

    async def _work(self) -> None:
        request, report = self._request, self._report
        before = journals.pending(self._stage, self._dead) if self._journal is None else set()
        start = Start.of(self._stage, self._dead)
        if self._journal is not None:
            start = start.since(self._journal.begun, self._journal.moved)
            self._journal.begun = start.begun if self._journal.begun is None else self._journal.begun
            self._journal.begin()
        waiting = start.waiting
        goal = waiting if request.limit is None else min(request.limit, waiting)
        async with connected(self._stage, self._dead, self._to) as sqs:
            sent_before = {id_ for journal in self._journals for id_ in journal.pending}
            hidden = self._hidden()
            over = monotonic() + hidden
            sweep = Sweep(
                sqs,
                self._dead.url,
                workers=WORKERS,
                gone=sent_before,
                hidden=hidden,
                settled=self._settled,
                waits=lambda undeleted, seconds: self._waits(goal, undeleted, seconds),
            )
            if self._lease is not None:
                self._lease.on_loss(lambda: sweep.stop(INTERRUPTED))
            sqs.lapsed = sweep.lapsed
            needed = request.selection.asks_cause
            wanted = needed or self._journal is None or request.python is not None
            causes = Causes(self._stage, needed=needed) if wanted else None
            routing = Routing(self._stage, sqs, self._dead, self._to, request.group)
            pace = self._pace(sqs)
            turns = Turns(groups(self._stage, self._work_queue)) if self._work_queue is not None else None
            chooser = Chooser(request.selection, self._dead.kind)

            async def choose(batch: list[Message]) -> list[Meant | None]:
                self._changes.saw(batch)
                if self._journal is None:
                    self._progress(mover.tally.seen, waiting)
                return await chooser.choose(batch, causes, self._dead.kind)

            mover = Mover(
                sweep,
                lambda message: self._changes.prepare(routing, message, chooser.found.get(message.message_id)),
                run=report.run,
                act=self._journal is not None,
                journal=self._journal,
                choose=choose,
                limit=request.limit,
                pace=pace,
                keep_order=request.keep_order,
                force=request.force,
                moved=lambda _: self._progress(mover.tally.moved, goal),
                turns=turns,
                sent_before=before,
                start=None if request.follow else start,
            )
            report.tally = mover.tally
            sqs.taken = mover.took
            if self._journal is not None:
                sweep.last = Linger(sqs, self._dead.url, sweep, mover)
            try:
                with interruptible(sweep):
                    self._worked = True
                    async with (
                        stoppable(sweep, self._stop),
                        alongside(*[journal.pulse.beat() for journal in self._journals]),
                        watched(pace, mover),
                    ):
                        await sweep.run(mover.visit)
            finally:
                self._fill(sqs, sweep, waiting)
                report.before, report.after = start.counts, await counted(sqs, self._dead.url)
                if self._journal is not None and sweep.stopped in (None, LIMIT, START):
                    self._leave(start, sent_before, mover.sent)
                if not sweep.held and (monotonic() >= over or (sweep.stopped is None and not report.in_flight)):
                    for journal in self._journals:
                        journal.hides = False
                report.mostly_back = mover.mostly_back
                report.unfit = chooser.unfit
                report.not_seen = chooser.not_seen if sweep.stopped in (None, START) else []
                if turns is not None and self._work_queue is not None and self._leaves:
                    # What another queue has now holds nobody up here.
                    await asyncio.to_thread(forget, self._stage, self._work_queue, turns.sent)
                if causes is not None:
                    unread = f"The recorded causes could not be read: {causes.problem}" if causes.problem else None
                    report.problem = unread or causes.remark()

    def _pace(self, sqs: Sqs) -> Pace:
        rate = self._request.rate
        if rate == "auto" and self._journal is not None:
            return Adaptive(sqs, self._dead.url)
        return Pace(None if isinstance(rate, str) else rate)

    def _fill(self, sqs: Sqs, sweep: Sweep, waiting: int) -> None:
        report, tally = self._report, self._report.tally
        hides = self._dead.fifo and tally.kept and sweep.stopped in (None, START)
        unseen = max(waiting - (tally.seen - tally.late), 0)
        report.locked = unseen if hides else 0
        report.unseen = unseen if self._journal is None else 0
        self._unsure = sqs.unsure
        report.maybe_twice = self._forgotten() if self._dead.fifo else sqs.unsure
        report.undeleted = sweep.undeleted
        report.stopped = sweep.stopped

    def _forgotten(self) -> int:
        """Messages that runs before may have had on their way so long ago that a FIFO queue has taken them again."""
        before = sum(each.idle is not None and each.idle > REMEMBERED for each in self._journals)
        return min(before * WORKERS * TEN, self._report.tally.moved)

    def _leave(self, start: Start, sent_before: Collection[str], sent: int) -> None:
        """Says what is left that may be meant and was not seen; nothing where all that was named is done."""
        report, tally, ids = self._report, self._report.tally, self._request.selection.ids
        report.whole = tally.moved == self._request.limit or (ids is not None and sent >= len(set(ids)))
        if report.whole or report.stopped == LIMIT:
            return
        seen = tally.seen - tally.late + len(sent_before) + report.locked
        report.in_flight = start.left(seen, report.after, kept=tally.kept + report.locked)
        report.uncounted = start.uncounted

    def _result(self) -> dict[str, Any]:
        """What the audit keeps."""
        counts = msgspec.to_builtins(self._report.tally)
        counts |= {"undeleted": self._report.undeleted, "stopped": self._report.stopped}
        return {name: value for name, value in counts.items() if value}
