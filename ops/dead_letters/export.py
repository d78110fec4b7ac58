"""Taking messages out into a file: a copy, or the messages themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from ops import audit
from ops.dead_letters.cause import Causes
from ops.dead_letters.message_file import Archive
from ops.dead_letters.parked import forget, work_of
from ops.dead_letters.selection import EVERYTHING, Chooser, Selection, checked_limit
from ops.dead_letters.start import START, Counts, Start
from ops.depth import COUNTS
from ops.errors import OpsError, UsageError
from ops.lease import Lease, held
from ops.queue import Queue, find_dead, sources
from ops.redrive.journal import new_run
from ops.sqs.connection import INTERRUPTED, connected, interruptible
from ops.sqs.loop import run
from ops.sqs.message import Message
from ops.sqs.sweep import Sweep, nothing
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
    """Messages that were there at the start of a deletion and were not seen, because somebody else holds them, or one
    before them in their FIFO group."""
    late: int = 0
    """Messages that were left because they came after the start."""
    unfit: int = 0
    """Messages that are not meant because the filter does not fit them."""
    not_seen: list[str] = []
    """Ids that were asked for and that no message in the queue had."""
    file: str | None = None
    stopped: str | None = None
    failure: str | None = None
    """The fault at which it ended half-way, after something was deleted."""
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
        taken = _take(stage, dead, path, selection, limit, delete=True, lease=lease, progress=progress)
        taken.run = run_id
        told = audit.end(stage, record, {"deleted": taken.deleted, "stopped": taken.stopped})
        taken.problem = told or taken.problem
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
    waiting = start.waiting
    parks = work_of(stage.topology, dead.word)

    async def work(archive: Archive | None) -> None:
        async with connected(stage, dead) as sqs:
            sweep = Sweep(sqs, dead.url, workers=1 if dead.fifo else 8)
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
                taken.matched += len(meant)
                if archive is not None and meant:
                    archive.write([message for message, _ in meant], [cause for _, cause in meant])
                if delete and meant:
                    gone = await sweep.delete([message.message_id for message, _ in meant])
                    taken.deleted += len(gone)
                    if parks is not None:
                        # Not those that SQS did not delete: they are dropped again, and hold their place until then.
                        lost = [message for message, _ in meant if message.message_id in gone]
                        await asyncio.to_thread(forget, stage, parks, lost)
                taken.late = start.late
                progress(taken.seen, waiting)
                if taken.matched == limit:
                    sweep.stop("limit")
                elif start.over:
                    sweep.stop(START)

            with interruptible(sweep):
                await sweep.run(visit)
            taken.stopped = sweep.stopped
            taken.not_seen = chooser.not_seen if sweep.stopped in (None, START) else []
            taken.problem = causes.remark() if selection.asks_cause else None
            named = delete and selection.ids is not None and taken.matched == len(set(selection.ids))
            if sweep.stopped not in (None, START) or named:
                return
            if dead.fifo and (not delete or taken.seen - taken.late > taken.deleted):
                taken.locked = max(waiting - taken.seen, 0)
            if delete:
                after = Counts.read(await sqs.attributes(dead.url, COUNTS))
                taken.in_flight = start.held(taken.seen - taken.late + taken.locked, after, fifo=dead.fifo)

    if file is None:
        run(work(None))
    else:
        with Archive(file) as archive:
            try:
                run(work(archive))
            except OpsError as error:
                if not taken.deleted:
                    raise
                taken.failure = str(error)
    return taken
