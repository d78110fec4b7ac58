"""Brings dead letters home."""

from __future__ import annotations

import asyncio
import secrets
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from ops.depth import depth
from ops.errors import OpsError
from ops.home import Homes
from ops.journal import Journal
from ops.mover import Mover, Tally
from ops.queue import Queue, find, find_dead
from ops.sqs import Sqs
from ops.stage import Stage, in_words
from ops.sweep import Sweep
from ops.transport import HttpTransport, Unanswered

INTERRUPTED = "interrupted"
Progress = Callable[[int, int], None]
"""Takes how many messages are done, and how many there are, approximately."""


@dataclass
class Report:
    """What a redrive did, or in a dry run would do. Queues are named as people call them."""

    run: str
    queue: str
    acted: bool
    matched: int = 0
    moved: int = 0
    behind: int = 0
    came_back: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    to: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    """Messages seen and left in the queue."""
    maybe_twice: int = 0
    """Messages in sends that got no answer; a standard queue may hold them twice, with the same idempotency key."""
    undeleted: int = 0
    """Messages that are home but still in the dead-letter queue too; `resume` deletes them."""
    stopped: str | None = None
    seconds: float = 0.0


def redrive(
    stage: Stage,
    queue: str,
    *,
    yes: bool = False,
    to: str | None = None,
    limit: int | None = None,
    workers: int = 16,
    visibility: int = 120,
    progress: Progress = lambda done, of: None,
) -> Report:
    """Moves the messages of a dead-letter queue to where they came from, or to the queue `to`.

    `queue` is a work queue's word, or a dead-letter queue by word, name, URL or ARN. Without `yes` nothing is moved
    and the report says what would be. Raises `UsageError` for a queue that does not exist or does not fit, `OpsError`
    where AWS refuses.
    """
    dead = find_dead(stage, queue)
    home = find(stage, to) if to is not None else None
    run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    journal = Journal(stage.files / f"{run}.jsonl", {"queue": dead.url, "to": to, "limit": limit}) if yes else None

    async def work() -> Report:
        async with connected(stage) as sqs:
            sweep = Sweep(sqs, dead.url, workers=workers, visibility=visibility)
            total = depth(stage, dead).waiting
            goal = total if limit is None else min(limit, total)
            mover = Mover(
                sweep,
                Homes(stage, sqs, dead, home).prepare,
                run=run,
                act=yes,
                journal=journal,
                limit=limit,
                moved=lambda _: progress(mover.tally.moved, goal),
            )
            with interruptible(sweep):
                await sweep.run(mover.visit)
            return _report(run, dead, yes, mover.tally, sqs, sweep)

    started = monotonic()
    try:
        report = asyncio.run(work())
    finally:
        if journal is not None:
            journal.close()
    report.seconds = round(monotonic() - started, 3)
    return report


@asynccontextmanager
async def connected(stage: Stage) -> AsyncIterator[Sqs]:
    """SQS of that stage, for calls that move messages. Raises `OpsError` where it cannot be reached."""
    with in_words():
        endpoint = stage.client("sqs").meta.endpoint_url
        transport = HttpTransport(endpoint, stage.region, stage.session.get_credentials())
    async with transport:
        try:
            yield Sqs(transport)
        except Unanswered as error:
            raise OpsError(f"SQS does not answer at {endpoint} ({error}): nothing is lost, try again.") from error


@contextmanager
def interruptible(sweep: Sweep) -> Iterator[None]:
    """Lets Ctrl-C end the sweep after what is under way; a second Ctrl-C does not wait for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def stop() -> None:
        sweep.stop(INTERRUPTED)
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _report(run: str, dead: Queue, acted: bool, tally: Tally, sqs: Sqs, sweep: Sweep) -> Report:
    return Report(
        run=run,
        queue=dead.word,
        acted=acted,
        matched=tally.matched,
        moved=tally.moved,
        behind=tally.behind,
        came_back=tally.came_back,
        refused=dict(tally.refused),
        to={url.rsplit("/", 1)[-1]: count for url, count in tally.to.items()},
        kept=tally.seen - tally.moved,
        maybe_twice=0 if dead.fifo else sqs.unsure,
        undeleted=sweep.undeleted,
        stopped=sweep.stopped,
    )
