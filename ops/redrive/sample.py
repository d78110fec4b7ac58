"""Some dead letters as they were before AWS moved them, by which those that come straight back are known again.

AWS moves without a mark, and what it moves has a new id and a new time; body and attributes stay. So a message with the
body and the attributes of one that was seen before, under another id or sent at another time, is that one, come back. A
message that was there twice tells nothing, because whoever sends the same again and again would be taken for it.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import msgspec

from ops.queue import Queue
from ops.sqs.connection import connected
from ops.sqs.loop import run
from ops.sqs.message import Message
from ops.sqs.sweep import Sweep
from ops.stage import Stage

MOST = 100
"""Messages that are looked at before: each look is a receive."""
MOST_LATER = 1_000
"""Messages that are looked at later at the most, each time."""
MOST_BYTES = 16 * 1024 * 1024
VISIBILITY = 30


class Sample:
    """The messages that can be known again, and which of them came back."""

    def __init__(self, messages: Iterable[Message]) -> None:
        prints = [(fingerprint(message), (message.message_id, message.sent_at)) for message in messages]
        often = Counter(print_ for print_, _ in prints)
        self._known: dict[bytes, tuple[str, datetime]] = {print_: who for print_, who in prints if often[print_] == 1}
        self._back: set[bytes] = set()

    @property
    def size(self) -> int:
        """Messages that can be known again."""
        return len(self._known)

    @property
    def back(self) -> int:
        """Those of them that were moved and were seen in the dead-letter queue since."""
        return len(self._back)

    @property
    def mostly_back(self) -> bool:
        """Whether most of them came back."""
        return self.back * 2 > self.size > 0

    def look(self, messages: Iterable[Message]) -> None:
        """Takes note of those that came back."""
        for message in messages:
            before = self._known.get(print_ := fingerprint(message))
            if before is not None and before != (message.message_id, message.sent_at):
                self._back.add(print_)


def fingerprint(message: Message) -> bytes:
    """What is the same of a message before and after AWS moved it."""
    told = (message.body, sorted(message.message_attributes.items()))
    return hashlib.sha256(msgspec.json.encode(told)).digest()


def receive(stage: Stage, dead: Queue, most: int) -> list[Message]:
    """About `most` messages of that queue, 16 MB together at the most, which are shown to others again at once.

    Raises `OpsError` where they cannot be received.
    """
    found: list[Message] = []

    async def work() -> None:
        async with connected(stage, dead) as sqs:
            sweep = Sweep(sqs, dead.url, workers=4, visibility=VISIBILITY)
            size = 0

            async def visit(batch: list[Message]) -> None:
                nonlocal size
                found.extend(batch)
                size += sum(len(message.body) for message in batch)
                if len(found) >= most or size > MOST_BYTES:
                    sweep.stop("enough")

            await sweep.run(visit)

    run(work())
    return found
