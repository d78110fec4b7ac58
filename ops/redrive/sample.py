"""Some dead letters as they were before AWS moved them, by which those that come straight back are known again.

AWS moves without a mark, and what it moves has a new id and a new time; body and attributes stay. So a message with the
body and the attributes of one that was seen before, under another id or sent at another time, is that one, come back. A
message that was there twice tells nothing, because whoever sends the same again and again would be taken for it.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

from __future__ import annotations

import hashlib
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
    """The messages that can be known again, what was moved of them, and what of that came back."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._known: dict[bytes, tuple[str, datetime]] = {}
        self._twice: set[bytes] = set()
        self._stayed: set[bytes] = set()
        self._back: set[bytes] = set()
        self.look(messages, whole=True)
        self._stayed.clear()

    @property
    def size(self) -> int:
        """Messages that can be known again."""
        return len(self._known)

    @property
    def moved(self) -> int:
        """Messages that can be known again and were moved, as far as was seen."""
        return len(self._known) - len(self._stayed)

    @property
    def back(self) -> int:
        """Those of them that were seen in the dead-letter queue since."""
        return len(self._back)

    @property
    def mostly_back(self) -> bool:
        """Whether most of them came back."""
        return self.back * 2 > self.moved > 0

    def look(self, messages: Iterable[Message], *, whole: bool) -> None:
        """Takes note of what is there now: what came back, what was never moved, and what can be known from now on.

        `whole` says that these are all that can be received.
        """
        self._stayed.clear()
        now: dict[bytes, tuple[str, datetime]] = {}
        for message in messages:
            print_ = fingerprint(message)
            who = (message.message_id, message.sent_at)
            if now.setdefault(print_, who) != who:
                self._twice.add(print_)
        for print_, who in now.items():
            before = self._known.get(print_)
            if before is not None and before != who:
                self._back.add(print_)
            elif whole and print_ not in self._back:
                self._stayed.add(print_)
            self._known[print_] = who
        for print_ in self._twice:
            self._known.pop(print_, None)
        self._stayed -= self._twice
        self._back -= self._twice


def fingerprint(message: Message) -> bytes:
    """What is the same of a message before and after AWS moved it."""
    told = (message.body, sorted(message.message_attributes.items()))
    return hashlib.sha256(msgspec.json.encode(told)).digest()


def receive(stage: Stage, dead: Queue, most: int, workers: int) -> list[Message]:
    """About `most` messages of that queue, 16 MB together at the most, which are shown to others again at once.

    Raises `OpsError` where they cannot be received.
    """
    found: list[Message] = []

    async def work() -> None:
        async with connected(stage, dead) as sqs:
            sweep = Sweep(sqs, dead.url, workers=workers, visibility=VISIBILITY)
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
