"""Where a dead letter belongs: the queue that SQS moved it from, or the one a person names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.errors import OpsError, UsageError
from ops.message import Entry, Message
from ops.mover import Delivery
from ops.outbox import Destination
from ops.queue import Queue, by_arn
from ops.sqs import Sqs
from ops.stage import Stage, in_words


@dataclass(frozen=True)
class QueueHome:
    """A queue that messages go home to."""

    sqs: Sqs
    name: str
    """The queue's URL."""

    async def send(self, entries: Sequence[Entry]) -> Mapping[str, str | None]:
        """By entry id None where SQS confirmed the message, else why not."""
        return await self.sqs.send(self.name, entries)


class Homes:
    """Says where the messages of one dead-letter queue belong.

    Raises `UsageError` where `to` is of another type than the dead-letter queue: order would be lost, or made up.
    """

    def __init__(self, stage: Stage, sqs: Sqs, dead: Queue, to: Queue | None = None) -> None:
        if to is not None and to.fifo != dead.fifo:
            kinds = {True: "FIFO", False: "standard"}
            raise UsageError(
                f"{to.name} is {kinds[to.fifo]} and {dead.name} is {kinds[dead.fifo]}: choose a queue of the same type."
            )
        self._stage = stage
        self._sqs = sqs
        self._dead = dead
        self._to = QueueHome(sqs, to.url) if to is not None else None
        self._by_arn: dict[str, Destination | str] = {}
        self._only: Destination | str | None = None

    def prepare(self, message: Message) -> Delivery | str:
        """The message as it goes home, or why it cannot."""
        home = self._home(message)
        return home if isinstance(home, str) else Delivery(home, message.body, message.message_attributes)

    def _home(self, message: Message) -> Destination | str:
        if self._to is not None:
            return self._to
        if message.source is not None:
            return self._queue(message.source)
        if self._only is None:
            self._only = self._only_source()
        return self._only

    def _queue(self, arn: str) -> Destination | str:
        if arn not in self._by_arn:
            try:
                self._by_arn[arn] = QueueHome(self._sqs, by_arn(self._stage, arn).url)
            except OpsError:
                self._by_arn[arn] = f"the queue it came from is gone ({arn.rsplit(':', 1)[-1]}): say --to"
        return self._by_arn[arn]

    def _only_source(self) -> Destination | str:
        """The source queue, for messages that do not say where they came from: they were sent here by someone."""
        with in_words():
            pages = self._stage.client("sqs").get_paginator("list_dead_letter_source_queues")
            urls = [url for page in pages.paginate(QueueUrl=self._dead.url) for url in page["queueUrls"]]
        if len(urls) == 1:
            return QueueHome(self._sqs, urls[0])
        return "nothing says where it came from: say --to"
