"""A dead-letter queue, its source, and a mover between them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any

from functions.contracts.envelope import IDEMPOTENCY_KEY
from ops.redrive.delivery import Delivery
from ops.redrive.journal import Journal
from ops.redrive.mover import Mover
from ops.redrive.routing import QueueDestination
from ops.sqs.client import Sqs
from ops.sqs.message import Entry, Value
from ops.sqs.sweep import Sweep
from tests.aws.queues import FakeQueue, FakeSqs, Stored

WORKERS = 8


class Racy(FakeQueue):
    """A FIFO queue that does not lock its groups, as an implementation whose receives overtake each other."""

    def _next_of_groups(self, most: int) -> list[Stored]:
        now = asyncio.get_running_loop().time()
        for group in self._groups.values():
            if found := [message for message in group if not message.gone and message.visible <= now][:most]:
                return found
        return []


def fill(sqs: FakeSqs, count: int, *, fifo: bool, groups: int = 7, name: str = "") -> tuple[FakeQueue, FakeQueue]:
    """A dead-letter queue with so many messages, and the queue they came from."""
    suffix = ".fifo" if fifo else ""
    dead, source = sqs.create(f"{name}dead{suffix}"), sqs.create(f"{name}source{suffix}")
    for number in range(count):
        key = f"key-{number}"
        entry = Entry(key, f"{number % groups} {number}", {IDEMPOTENCY_KEY: Value("String", key)})
        if fifo:
            entry.message_group_id = f"group-{number % groups}"
            entry.message_deduplication_id = key
        dead.put(entry, source=source.arn)
    dead.arrived.clear()
    return dead, source


async def move(
    transport: Any,
    dead: FakeQueue,
    source: FakeQueue,
    *,
    run: str = "run",
    journal: Journal | None = None,
    **options: Any,
) -> tuple[Mover, Sqs]:
    sqs = Sqs(transport)
    left: dict[str, Any] = {"gone": journal.pending, "settled": journal.deleted} if journal is not None else {}
    sweep = Sweep(sqs, dead.url, workers=WORKERS, **left)
    sqs.lapsed = sweep.lapsed
    to = QueueDestination(sqs, source.url)
    mover = Mover(
        sweep,
        lambda message: Delivery(to, message.body, message.message_attributes, message.group),
        run=run,
        act=True,
        journal=journal,
        **options,
    )
    sqs.taken = mover.took
    await sweep.run(mover.visit)
    return mover, sqs


def in_order(arrived: Iterable[str]) -> bool:
    """Whether every group's messages came in order; one may come again right after itself."""
    groups: dict[str, list[int]] = {}
    for group, number in (body.split() for body in arrived):
        groups.setdefault(group, []).append(int(number))
    return all(earlier <= later for numbers in groups.values() for earlier, later in itertools.pairwise(numbers))
