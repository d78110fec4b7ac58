"""Looking at messages and leaving them where they are.

SQS has no way to look: a message is received, hidden for a moment, and shown again. So a look counts as a receive, and
for that moment nobody else gets the message. The order stays as it is. On a FIFO queue only the first messages of a
group, ten at the most, can be seen: the others are locked until those are gone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from ops.dead_letters.cause import Cause, Causes, label
from ops.dead_letters.parked import ParkedGroup, parked, work_of
from ops.dead_letters.selection import EVERYTHING, Selection
from ops.depth import Depth, depth
from ops.errors import OpsError, UsageError
from ops.queue import Queue, find, find_dead, queues
from ops.sqs.connection import connected
from ops.sqs.loop import run
from ops.sqs.message import Message
from ops.sqs.sweep import Sweep
from ops.stage import Stage, in_words

VISIBILITY = 60
GROUP_PARKED = "GroupParked"
"""The cause of what follows a dead message of its group, as consumers record it."""
FEW = 100
"""Receives below which a look brings a message near its dead-letter queue."""


@dataclass(frozen=True)
class Seen:
    """A message and why it is there."""

    message: Message
    cause: Cause | None


class Pile(Struct, frozen=True, kw_only=True):
    """The dead letters of one cause in one queue."""

    cause: str
    count: int
    oldest: str
    samples: list[str]
    """Message ids."""


class Dead(Struct, frozen=True, kw_only=True):
    """One dead-letter queue."""

    queue: str
    waiting: int
    in_flight: int
    seen: int
    """How many messages were looked at."""
    oldest: str | None
    """When the oldest of those was sent, in UTC."""
    piles: list[Pile]
    integration: str | None = None
    """Whose queue it is."""
    parked: list[ParkedGroup] = []
    """The groups that wait for a message in it, or for one that is gone; of queues that park only."""
    problem: str | None = None
    """Why recorded causes, or what is parked, could not be read."""


def peek(
    stage: Stage, queue: str, *, selection: Selection = EVERYTHING, limit: int = 10, dead: bool = True
) -> list[Seen]:
    """Up to `limit` messages that are meant, in the order in which SQS hands them out; all are put back.

    A work queue's word means its dead-letter queue, unless `dead` is False. Raises `UsageError` and `OpsError`.
    """
    found = find_dead(stage, queue) if dead else find(stage, queue)
    return _look(stage, found, selection, limit)[0]


def dead_letters(stage: Stage, queue: str | None = None, *, sample: int = 100) -> list[Dead]:
    """Every dead-letter queue of the stage that holds something, or the one given, by cause.

    At most `sample` messages of each are looked at. Raises `UsageError` and `OpsError`.
    """
    every = [find_dead(stage, queue)] if queue is not None else [each for each in queues(stage) if each.kind != "work"]
    found = [_dead(stage, each, sample) for each in every]
    return [each for each in found if each.waiting or each.in_flight or each.parked or queue]


def parked_groups(stage: Stage, work: str, *, sample: int = 1000) -> list[ParkedGroup]:
    """Every group of the queue of that word, which parks, that has places.

    At most `sample` of its dead letters are looked at. Raises `UsageError` and `OpsError`.
    """
    dead = find_dead(stage, work)
    found, problem = _parked(stage, dead, *_seen(stage, dead, sample)[:2])
    if problem is not None:
        raise OpsError(f"What is parked could not be read: {problem}")
    return found


def _dead(stage: Stage, queue: Queue, sample: int) -> Dead:
    counts, seen, problem = _seen(stage, queue, sample)
    groups, unread = _parked(stage, queue, counts, seen)
    piles: dict[str, list[Seen]] = {}
    for each in seen:
        # One pile, whoever they are behind: that is said of each group.
        follows = each.cause is not None and each.cause.error_type == GROUP_PARKED
        piles.setdefault(GROUP_PARKED if follows else label(each.cause), []).append(each)
    order = Counter({name: len(pile) for name, pile in piles.items()}).most_common()
    return Dead(
        queue=queue.word,
        waiting=counts.waiting,
        in_flight=counts.in_flight,
        seen=len(seen),
        oldest=_oldest(seen),
        piles=[
            Pile(
                cause=name,
                count=count,
                oldest=_oldest(piles[name]) or "",
                samples=[each.message.message_id for each in piles[name][:3]],
            )
            for name, count in order
        ],
        integration=counts.integration,
        parked=[group for group in groups if group.where != "elsewhere"],
        problem=problem or unread,
    )


def _seen(stage: Stage, queue: Queue, sample: int) -> tuple[Depth, list[Seen], str | None]:
    counts = depth(stage, queue)
    if not counts.waiting:
        return counts, [], None
    return counts, *_look(stage, queue, EVERYTHING, min(sample, counts.waiting))


def _parked(stage: Stage, queue: Queue, counts: Depth, seen: list[Seen]) -> tuple[list[ParkedGroup], str | None]:
    work = work_of(stage.topology, queue.word)
    if work is None:
        return [], None
    whole = len(seen) >= counts.waiting and not counts.in_flight
    return parked(stage, work, [each.message for each in seen], whole=whole)


def _harmless(stage: Stage, queue: Queue) -> None:
    """Refuses to look where looking soon moves messages: each look is one of the receives that SQS allows them."""
    with in_words():
        answer = stage.client("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=["RedrivePolicy"])
    policy = msgspec.json.decode(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
    receives = int(policy.get("maxReceiveCount", FEW))
    if receives < FEW:
        raise UsageError(
            f"A look counts as a receive, and after {receives} of them SQS moves a message of {queue.word} to its "
            "dead-letter queue: look at that one."
        )


def _oldest(seen: list[Seen]) -> str | None:
    return min(each.message.sent_at for each in seen).isoformat(timespec="seconds") if seen else None


def _look(stage: Stage, queue: Queue, selection: Selection, limit: int) -> tuple[list[Seen], str | None]:
    _harmless(stage, queue)
    causes = Causes(stage)
    found: list[Seen] = []

    async def work() -> None:
        async with connected(stage) as sqs:
            sweep = Sweep(sqs, queue.url, workers=1, visibility=VISIBILITY)

            async def visit(batch: list[Message]) -> None:
                for message, cause in zip(batch, await causes.of(batch), strict=True):
                    if len(found) < limit and selection.means(message, cause):
                        found.append(Seen(message, cause))
                if len(found) >= limit:
                    sweep.stop("limit")

            await sweep.run(visit)

    run(work())
    return found, causes.problem
