"""Taking messages out into a file: a copy, or the messages themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ops import audit
from ops.dead_letters.cause import Causes
from ops.dead_letters.message_file import Archive
from ops.dead_letters.parked import forget, work_of
from ops.dead_letters.selection import EVERYTHING, Chooser, Selection, checked_limit
from ops.dead_letters.start import START, Counts, Start, counted
from ops.errors import OpsError, UsageError
from ops.lease import Lease, held
from ops.queue import Queue, find_dead, sources
from ops.redrive.journal import new_run
from ops.redrive.mover import LIMIT
from ops.redrive.report import FAILED
from ops.sqs.client import nothing
from ops.sqs.connection import INTERRUPTED, connected, interruptible
from ops.sqs.loop import run
from ops.sqs.message import Message
from ops.sqs.sweep import Sweep
from ops.stage import Stage


class Taken(Struct, kw_only=True):
    """What was, or would be, written to the file and deleted from the queue."""

    run: str | None = None
    """The name under which a deletion is recorded."""
    queue: str
    seen: int = 0
    matched: int = 0
    deleted: int = 0
    locked: int = 0
    """Messages that SQS did not show, because those before them in their FIFO group are still there."""
    in_flight: int = 0
    """Messages that were there at the start and were not seen, because somebody else holds them, or one
    before them in their FIFO group."""
    late: int = 0
    """Messages that were left because they came after the start."""
    uncounted: int = 0
    """Those of `late` that were sent before the start: they died later, or SQS had not counted them yet."""
    unfit: int = 0
    """Messages that are not meant because the filter does not fit them."""
    not_seen: list[str] = []
    """Ids that were asked for and that no message in the queue had."""
    file: str | None = None
    undeleted: int = 0
    """Messages that are in the file and may be in the queue still, though they were to be deleted."""
    before: Counts | None = None
    """What was in the queue at the start."""
    after: Counts | None = None
    """What is in it at the end, as far as SQS's counts have come; None where it could not be asked."""
    stopped: str | None = None
    """Why it ended before the queue was empty: `limit`, `start`, `interrupted`, `failed`, or what SQS allows."""
    failure: str | None = None
    """The fault at which it ended half-way, after something was written."""
    problem: str | None = None


def export(
    stage: Stage,
    queue: str,
    file: Path,
    *,
    selection: Selection = EVERYTHING,
    limit: int | None = None,
    progress: Callable[[int, int], None] = nothing,
) -> Taken:
    """Copies the messages that are meant to a file, and leaves them where they are.

    Of a FIFO group SQS shows only the first ten messages while they are there; `drop` gets at the others.
    Raises `UsageError` for a queue that is not there or a file that is, `OpsError` where AWS refuses.
    """
    checked_limit(limit)
    return _take(stage, find_dead(stage, queue), file, selection, limit, delete=False, progress=progress)


def drop(
    stage: Stage,
    queue: str,
    *,
    yes: bool = False,
    file: Path | None = None,
    selection: Selection = EVERYTHING,
    limit: int | None = None,
    any_queue: bool = False,
    alone: bool = False,
    progress: Callable[[int, int], None] = nothing,
) -> Taken:
    """Deletes the messages that are meant, each only after it is in the file; without `yes` it only counts them.

    The file is the stage's own folder's where none is given. A queue of others is taken only if it is some queue's
    dead-letter queue, or with `any_queue`. With `alone` it goes on where the table of leases cannot be asked. Raises
    as `export` does.
    """
    checked_limit(limit)
    dead = find_dead(stage, queue)
    if dead.kind == "other" and not any_queue:
        refuse_work_queue(stage, dead)
    if not yes:
        return _take(stage, dead, None, selection, limit, delete=False, progress=progress)
    Chooser(selection, dead.kind)
    Causes(stage, needed=selection.asks_cause).check(dead.kind)
    run_id = new_run()
    path = file or stage.files / f"{run_id}-dropped.jsonl"
    asked = {**msgspec.to_builtins(selection), "limit": limit, "file": str(path)}
    with held(stage, dead, "drop", run_id, alone=alone) as lease:
        record = audit.begin(stage, run_id, "drop", dead.word, asked)
        result: dict[str, Any] = {"deleted": 0, "stopped": FAILED}
        try:
            taken = _take(stage, dead, path, selection, limit, delete=True, lease=lease, progress=progress)
            result = {"deleted": taken.deleted, "undeleted": taken.undeleted, "stopped": taken.stopped}
        finally:
            told = audit.end(stage, record, result)
        taken.run = run_id
        taken.problem = (lease.why if taken.stopped == INTERRUPTED else None) or told or taken.problem
    return taken


def refuse_work_queue(stage: Stage, queue: Queue) -> None:
    """Raises `UsageError` where that queue is nobody's dead-letter queue, as far as SQS knows."""
    try:
        if sources(stage, queue):
            return
        why = "no queue's dead-letter queue, so its messages may be work that is still to be done"
    except OpsError as error:
        why = f"perhaps no dead-letter queue ({error})"
    raise UsageError(
        f"{queue.word} is {why}: choose another, or say --any-queue if it is one of a function, topic or rule."
    )


def _take(
    stage: Stage,
    dead: Queue,
    file: Path | None,
    selection: Selection,
    limit: int | None,
    *,
    delete: bool,
    lease: Lease | None = None,
    progress: Callable[[int, int], None],
) -> Taken:
    taken = Taken(queue=dead.word, file=str(file) if file is not None else None)
    causes, chooser = Causes(stage, needed=selection.asks_cause), Chooser(selection, dead.kind)
    start = Start.of(stage, dead)
    taken.before, waiting = start.counts, start.waiting
    gone = _Gone(stage, work_of(stage.topology, dead.word))

    async def work(archive: Archive | None) -> None:
        async with connected(stage, dead) as sqs:
            sweep = Sweep(sqs, dead.url, workers=1 if dead.fifo else 8, settled=gone.settled)
            if lease is not None:
                lease.on_loss(lambda: sweep.stop(INTERRUPTED))

            async def visit(batch: list[Message]) -> None:
                chooser.saw(batch)
                asked = archive is not None or selection.asks_cause
                found = await causes.of(batch, dead.kind) if asked else [None] * len(batch)
                meant = [
                    (message, cause)
                    for message, cause in zip(batch, found, strict=True)
                    if not start.came_later(message)
                    and chooser.means(message, cause, unreadable=causes.unreadable(message.message_id))
                ]
                meant = meant[: limit - taken.matched] if limit is not None else meant
                taken.seen += len(batch)
                taken.unfit = chooser.unfit
                if archive is not None and meant:
                    archive.write([message for message, _ in meant], [cause for _, cause in meant])
                taken.matched += len(meant)
                if delete and meant:
                    gone.written.update((message.message_id, message) for message, _ in meant)
                    await sweep.delete([message.message_id for message, _ in meant])
                    await gone.give_up()
                taken.late = start.late
                progress(taken.seen, waiting)
                if taken.matched == limit:
                    sweep.stop(LIMIT)
                elif start.over:
                    sweep.stop(START)

            try:
                with interruptible(sweep):
                    await sweep.run(visit)
            finally:
                taken.stopped = sweep.stopped
                await gone.give_up()
            taken.after = await counted(sqs, dead.url)
            taken.not_seen = chooser.not_seen if sweep.stopped in (None, START) else []
            taken.problem = causes.remark() if selection.asks_cause else None
            named = delete and selection.ids is not None and taken.matched == len(set(selection.ids))
            if sweep.stopped not in (None, START) or named:
                return
            if dead.fifo and (not delete or taken.seen - taken.late > gone.count):
                taken.locked = max(waiting - taken.seen, 0)
            kept = taken.seen - gone.count + taken.locked
            taken.in_flight = start.left(taken.seen - taken.late + taken.locked, taken.after, kept=kept)
            taken.uncounted = start.uncounted

    if file is None:
        run(work(None))
    else:
        with Archive(file) as archive:
            try:
                run(work(archive))
            except (OpsError, KeyboardInterrupt) as error:
                if archive.empty:
                    raise
                told = isinstance(error, OpsError)
                taken.stopped, taken.failure = (FAILED, str(error)) if told else (INTERRUPTED, None)
    taken.deleted, taken.undeleted = gone.count, len(gone.written)
    return taken


class _Gone:
    """What is in the file: which messages of it are surely deleted, and so give up their places, where they park."""

    def __init__(self, stage: Stage, parks: str | None) -> None:
        self._stage = stage
        self._parks = parks
        self._lost: list[Message] = []
        self.written: dict[str, Message] = {}
        """Those that may not be deleted, by id: they are dropped again, and hold their places until then."""
        self.count = 0

    def settled(self, ids: Iterable[str]) -> None:
        """These are surely not in the queue any more."""
        for id_ in ids:
            message = self.written.pop(id_, None)
            if message is not None:
                self.count += 1
                self._lost += [message] if self._parks is not None else []

    async def give_up(self) -> None:
        """Gives up the places of what was deleted since. Raises `OpsError`."""
        lost, self._lost = self._lost, []
        if lost and self._parks is not None:
            await asyncio.to_thread(forget, self._stage, self._parks, lost)
