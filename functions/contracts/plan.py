"""What consumers and `plan_command` tell each other: asks to plan and to cancel, and what a planned message says.

Whatever is asked for travels through one queue to `plan_command`, which keeps one item for each key in the table
`planned` and makes one-time schedules. The item alone says what is planned: a message that comes back from a schedule
is handled only if its item still means it. So a schedule that is left over, or that fires twice, does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, ClassVar, Self

from msgspec import Struct
from msgspec.json import encode

from functions.contracts.contract import Command, Secret
from functions.contracts.environment import DEAD_LETTER_RETENTION, LONGEST_DELAY
from functions.contracts.key import joined, scoped

PLAN_COMMAND = "plan_command"
"""The function, and its queue."""
PLANNED = "planned"
"""The table, by its name for functions."""
KEY = "key"
"""The table's key: the queue's word and the key, or what was asked itself."""
EXPIRES_AT = "expires_at"
"""When DynamoDB may forget the item, in epoch seconds."""
KEPT = 3 * DEAD_LETTER_RETENTION
"""Seconds for which an item stays after its time: longer than a message of it may be in a queue or in both."""

MINUTE = 60
"""To so many seconds EventBridge Scheduler is exact, and never early.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"""
LARGEST_INPUT = 256 * 1024 - 512
"""Bytes of a schedule's input, at the most, without the queue's URL.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html"""
PLACES = 10_000
"""Results of one message that are told apart by their order."""

PLANNED_STATE, CANCELLED, RAN = "planned", "cancelled", "ran"
"""What an item says of what was asked last: it waits, it was taken back, its handling has begun."""


class PlanCommand(Command, frozen=True, kw_only=True):
    """An ask to plan a message, or to cancel what is planned where `at` is missing.

    `asked` is its identity, the same however often it is sent. `order` says which of two asks of a key is the later
    one. `queue` is the queue's word, `key` that of the item; `keyed` that a person or a program chose it. `at` is epoch
    milliseconds. `alone` plans it under its own identity where its key is taken. The rest is the message, as it is to
    arrive: `text` is its body, `group` is who shares a standard queue fairly, `trace` the trace that it belongs to.
    """

    business_key: ClassVar[str | None] = "asked"

    asked: str
    order: int
    queue: str
    key: str
    keyed: bool = False
    at: int | None = None
    replace: bool = False
    alone: bool = False
    text: Annotated[str, Secret] = ""
    attributes: Mapping[str, str] = {}
    group: str | None = None
    trace: str | None = None

    @property
    def is_direct(self) -> bool:
        """Whether SQS's own delay does it: without a key, and not for longer than that lasts."""
        return not self.keyed and self.at is not None and self.at - self.order // PLACES <= LONGEST_DELAY * 1000

    def expires_at(self, now: float) -> int:
        """When the item may go, in epoch seconds."""
        return int(max(now, (self.at or 0) / 1000)) + KEPT

    def message(self, queue_url: str, delay: int) -> dict[str, object]:
        """SendMessage's parameters."""
        said: dict[str, object] = {
            "QueueUrl": queue_url,
            "MessageBody": self.text,
            "DelaySeconds": delay,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in self.attributes.items()
            },
        }
        if self.group:
            said["MessageGroupId"] = self.group
        if self.trace:
            said["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": self.trace}}
        return said

    def input(self, queue_url: str, delay: int) -> str:
        """The same as a schedule's input, which Scheduler passes on to SQS.

        Scheduler puts values of its own into words such as `<aws.scheduler.execution-id>`, wherever they stand; with
        the bracket escaped a caller's words stay as they are.
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
        """
        return encode(self.message(queue_url, delay)).decode().replace("<aws.", "\\u003caws.")


class Planned(Struct, frozen=True):
    """What a planned message says of itself: its time in epoch milliseconds, what asked for it, and its item's key.

    Without a key there is no item: SQS alone has delayed it.
    """

    at: int
    asked: str
    key: str = ""

    def __str__(self) -> str:
        """As the message attribute says it."""
        return f"{self.at} {self.asked} {self.key}".rstrip(" ")

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """What the attribute says; None if it says nothing that was planned."""
        at, _, rest = (text or "").partition(" ")
        asked, _, key = rest.partition(" ")
        return cls(int(at), asked, key) if at.isdecimal() and asked else None


def item_key(queue: str, tenant: str | None, key: str) -> str:
    """The item's key for a key of the tenant's own, which no other tenant can name."""
    return joined(queue, scoped(tenant, key))


def mark(asked: str) -> str:
    """The key of the item that notes of what was asked that its handling began, and that it comes back."""
    return f"begun {asked}"


def digest(*parts: str) -> str:
    """An identity made of the parts: 40 hex digits."""
    return sha256(joined(*parts).encode(errors="surrogatepass")).hexdigest()[:40]


def schedule_name(queue: str, key: str, asked: str) -> str:
    """The name of the schedule of what was asked, which fits into Scheduler's 64 characters; it says the queue, too.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
    """
    return f"{schedule_prefix(queue)}{digest(key)[:16]}-{asked[:32]}"


def schedule_prefix(queue: str) -> str:
    """How the names of all schedules of the queue of that word begin, by which Scheduler lists them."""
    return f"later-{digest(queue)[:8]}-"


def whole_minute(at: int) -> tuple[str, int]:
    """Scheduler's expression for the minute that the time is in, and the seconds that SQS delays the message then.

    So nothing is early: Scheduler says for what minute, not for what second, it fires.
    """
    minute = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at // 60_000 * 60_000)
    return f"at({minute:%Y-%m-%dT%H:%M:%S})", -(-(at % 60_000) // 1000)
