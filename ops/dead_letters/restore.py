"""Putting exported messages into a queue: `import`, which Python has as a word of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from msgspec import Struct

from ops import audit
from ops.dead_letters import message_file as archive
from ops.errors import UsageError
from ops.queue import find
from ops.redrive.journal import new_run
from ops.redrive.routing import QueueDestination
from ops.sqs.client import TEN
from ops.sqs.connection import connected
from ops.sqs.loop import run
from ops.sqs.message import Entry, Message, Value
from ops.sqs.outbox import Outbox
from ops.stage import Stage


class Restored(Struct, kw_only=True):
    """What was, or would be, put into the queue."""

    queue: str
    messages: int = 0
    """Messages of the file, after those that were skipped."""
    sent: int = 0
    refused: dict[str, str] = {}
    """Why SQS refused a message, by its old id."""
    problem: str | None = None


def restore(
    stage: Stage, queue: str, file: Path, *, yes: bool = False, skip: int = 0, progress: Callable[[int, int], None]
) -> Restored:
    """Sends the messages of an exported file to exactly that queue, in the file's order; without `yes` it only counts.

    `skip` leaves out so many at the start. A message that was sent has a new id, and a dead-letter queue no longer
    knows where it came from, so the console's redrive does not take it; ours does. Raises `UsageError` for a queue or
    file that does not fit, also where two messages have the same id: it would be taken for one that was sent already.
    Raises `OpsError` where AWS refuses.
    """
    to = find(stage, queue)
    total = _count(file, skip)
    if to.fifo and any(message.group is None for message in archive.read(file)):
        raise UsageError(
            f"{file} has messages without a group, which {to.name} needs: they come from a standard queue."
        )
    result = Restored(queue=to.word, messages=total)
    if not yes:
        return result
    run_id = new_run()
    record = audit.begin(stage, run_id, "import", to.word, {"file": str(file), "skip": skip})

    async def work() -> None:
        async with connected(stage, to) as sqs:
            outbox = Outbox(QueueDestination(sqs, to.url))
            messages = islice(archive.read(file), skip, None)
            stuck: set[str | None] = set()
            while batch := list(islice(messages, TEN)):
                for turn in _rounds(batch, fifo=to.fifo):
                    round_ = [message for message in turn if message.group not in stuck or not to.fifo]
                    for message in turn:
                        if message not in round_:
                            result.refused[message.message_id] = "a message before it in its group was refused"
                    outcome = await asyncio.gather(*(outbox.send(_entry(message, fifo=to.fifo)) for message in round_))
                    for message, refusal in zip(round_, outcome, strict=True):
                        if refusal is None:
                            result.sent += 1
                        else:
                            result.refused[message.message_id] = refusal
                            stuck.add(message.group)
                    progress(result.sent, total)

    try:
        run(work())
    finally:
        result.problem = audit.end(stage, record, {"sent": result.sent, "refused": len(result.refused)})
    return result


def _count(file: Path, skip: int) -> int:
    """How many messages the file has after those that are skipped."""
    lines: dict[str, int] = {}
    for number, message in islice(enumerate(archive.read(file), 1), skip, None):
        first = lines.setdefault(message.message_id, number)
        if first != number:
            raise UsageError(
                f"{file} has message_id {message.message_id} on line {first} and again on line {number}, and a queue "
                "may take the second for the first: leave one out, or give it an id of its own."
            )
    return len(lines)


def _rounds(batch: list[Message], *, fifo: bool) -> list[list[Message]]:
    """What may be sent together: on FIFO one message of a group at a time, in order."""
    if not fifo:
        return [batch]
    rounds: list[list[Message]] = []
    turn: dict[str | None, int] = {}
    for message in batch:
        index = turn.get(message.group, 0)
        turn[message.group] = index + 1
        if index == len(rounds):
            rounds.append([])
        rounds[index].append(message)
    return rounds


def _entry(message: Message, *, fifo: bool) -> Entry:
    trace = message.attributes.get("AWSTraceHeader")
    return Entry(
        message.message_id,
        message.body,
        message.message_attributes,
        {"AWSTraceHeader": Value("String", trace)} if trace is not None else {},
        message.group,
        f"{message.message_id}:imported" if fifo else None,
    )
