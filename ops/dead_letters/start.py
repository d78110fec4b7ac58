"""What was in a queue when the work on it began: where messages keep arriving, that is what the work is about.

A message that was sent later than that came later. On a standard queue SQS keeps the time at which a message was first
sent when it moves it to the dead-letter queue, so of those the count says when enough were seen: it is approximate, and
what SQS had not counted yet may be among the first, so a tenth more is seen, and ten.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from msgspec import Struct

from ops.answer import part
from ops.depth import COUNTS
from ops.errors import OpsError
from ops.queue import Queue
from ops.sqs.client import Sqs
from ops.sqs.message import Message
from ops.sqs.transport import Unanswered
from ops.stage import Stage, in_words

START = "start"
"""Why a sweep ended that saw what was there at the start."""
SPARE = timedelta(seconds=1)
"""SQS tells its time in whole seconds."""
MOST_LATE = 1_000
"""Messages that came later at which the work ends, though some of the first were not seen: others may have them."""


class Counts(Struct, frozen=True):
    """What SQS says of a queue, approximately."""

    waiting: int
    """Messages that can be received, those behind a locked group's first included."""
    in_flight: int
    """Messages that somebody received and holds."""
    delayed: int

    @classmethod
    def read(cls, told: Mapping[str, str]) -> Counts:
        """The counts among a queue's attributes. Raises `OpsError` where one is missing, which AWS always says."""
        return cls(*(int(part(told, name)) for name in COUNTS))

    @property
    def every(self) -> int:
        """All of them."""
        return self.waiting + self.in_flight + self.delayed


async def counted(sqs: Sqs, url: str) -> Counts | None:
    """What is in the queue after the work; None where SQS does not say: what was done is told all the same."""
    try:
        return Counts.read(await sqs.attributes(url, COUNTS))
    except (OpsError, Unanswered):
        return None


class Begun(Struct, frozen=True):
    """The start of a run as its journal keeps it: so many messages in the queue, and when, in ISO 8601."""

    every: int
    moment: str


class Start:
    """What was there at the start: so many messages, and when that was by SQS's clock."""

    def __init__(self, counts: Counts, moment: datetime, every: int | None = None) -> None:
        self.counts = counts
        every = counts.every if every is None else every
        self.begun = Begun(every, moment.isoformat())
        self.most = every + every // 10 + 10
        """Messages that may have been there, as the counts are approximate."""
        self._left = self.most
        self._until = moment + SPARE
        self.late = 0
        """Messages that were seen and came later."""
        self.uncounted = 0
        """Those of them that were sent before: they died later, or SQS had not counted them yet."""

    @classmethod
    def of(cls, stage: Stage, queue: Queue) -> Start:
        """What is there now, visible or not. Raises `OpsError` where SQS refuses."""
        with in_words():
            answer = stage.client("sqs", queue.region).get_queue_attributes(
                QueueUrl=queue.url, AttributeNames=list(COUNTS)
            )
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        try:
            moment = parsedate_to_datetime(date)
        except (TypeError, ValueError):
            moment = datetime.now(UTC)
        return cls(Counts.read(part(answer, "Attributes")), moment)

    @property
    def waiting(self) -> int:
        """Messages that could be received."""
        return self.counts.waiting

    def since(self, begun: Begun | None, moved: int) -> Start:
        """The same, bound by a run's first start where it has one; of what was there so many were moved since."""
        if begun is None:
            return self
        return Start(self.counts, datetime.fromisoformat(begun.moment), max(begun.every - moved, 0))

    def came_later(self, message: Message) -> bool:
        """Whether that message, which is seen now for the first time, came later."""
        if self._left > 0 and message.sent_at <= self._until:
            self._left -= 1
            return False
        self.late += 1
        self.uncounted += message.sent_at <= self._until
        return True

    def left(self, seen: int, after: Counts | None, *, kept: int) -> int:
        """Messages that were there, were not `seen`, and are there `after`wards beside those `kept`, as SQS counts.

        Somebody holds them, or one before them in their FIFO group. Where the work ended because the start is `over`,
        those are what waits for the next, so only what is in flight counts.
        """
        if after is None:
            return 0
        unseen = self.counts.waiting + self.counts.in_flight - seen
        return max(min(unseen, after.in_flight if self.over else after.every - kept), 0)

    @property
    def over(self) -> bool:
        """Whether what was there at the start was seen, as far as anybody can say."""
        return self.late > 0 and (self._left <= 0 or self.late >= MOST_LATE)
