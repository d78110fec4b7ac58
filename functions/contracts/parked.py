"""The places of parked messages: what a consumer that parks and operators read and write of a FIFO group.

An item a group, in the table that all integrations share. Each message that may be dead, or waits for one that is, has
a place: the attribute `s` + its sequence number when it came first, whose value says which message it is. An identity
survives every redrive, which changes message ids and sequence numbers and keeps body and message attributes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Self

from msgspec import Struct

from functions.contracts.environment import DEAD_LETTER_RETENTION

GROUP = "group"
"""The table's key: the queue's word, a slash, and the group."""
EXPIRES_AT = "expires_at"
"""When DynamoDB may forget the item, in epoch seconds."""
EMPTY = 3600
"""Seconds for which an item without places stays: longer than a write to it may be on its way, which is refused five
minutes after it was signed. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html"""
TURN = "turn"
"""What every write of the item sets anew, if it is as the writer read it: so a write that arrives late does nothing."""
TAKEN = "taken"
"""The turns of the last writes by which operators opened the group or skipped its first; consumers leave it as it is.
So whoever asks again, because the answer was lost, knows that it was done, whatever was written since."""
DIGITS = 20
"""Of a sequence number. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
PREFIX = "s"
LONGEST_KEY = 128
"""Characters of an idempotency key that a place names in full."""


class Place(Struct, frozen=True, order=True):
    """Where a message stands in its group: places are in the order in which the messages were accepted.

    `until` is when it can be in no queue any more, in epoch seconds: a place that is older holds nobody up.
    """

    sequence: str
    identity: str
    until: int

    @property
    def name(self) -> str:
        """The attribute that it is stored as."""
        return f"{PREFIX}{self.sequence}"

    @property
    def value(self) -> str:
        """What the attribute says."""
        return f"{self.until} {self.identity}"

    @classmethod
    def read(cls, name: str, value: object) -> Self | None:
        """The place that the attribute says; None if it says none."""
        sequence, (until, _, identity) = name.removeprefix(PREFIX), str(value).partition(" ")
        if f"{PREFIX}{sequence}" != name or not sequence.isdecimal() or not until.isdecimal():
            return None
        return cls(sequence, identity, int(until))


def item_key(queue: str, group: str) -> str:
    """The key of the item for a group of the queue of that word."""
    return f"{queue}/{group}"


def group_of(key: str, queue: str) -> str | None:
    """The group whose item has that key; None for a group of another queue."""
    return key.removeprefix(f"{queue}/") if key.startswith(f"{queue}/") else None


def places(item: Mapping[str, Any] | None) -> list[Place]:
    """The places in an item of plain values, the first first; of a missing item none."""
    read = (Place.read(name, value) for name, value in (item or {}).items())
    return sorted(place for place in read if place)


def held(known: Iterable[Place], now: float) -> list[Place]:
    """Those of the places whose messages may still be somewhere."""
    return [place for place in known if place.until > now]


def until(now: float, retention: int) -> int:
    """When a message that is in its queue now is in no queue any more; that keeps it for `retention` seconds."""
    return int(now) + retention + DEAD_LETTER_RETENTION


def sequence(number: str | None, sent: float, place: int) -> str:
    """A message's sequence number, to be sorted as text.

    An emulator may give none: then it is made of when the message was `sent`, in epoch seconds, and its `place` in the
    batch.
    """
    return (number or f"{round(sent * 1000)}{place:07d}").zfill(DIGITS)


def identity(body: str, *, key: str | None, received_at: str | None, parked_as: str | None = None) -> str:
    """Which message it is, whatever message id it has now.

    `key` is its idempotency key, `received_at` when its request came; without a key the body says it. `parked_as` is
    what an edit of such a body wrote beside it.
    """
    if parked_as:
        return parked_as
    if not key:
        return _digest(body)
    short = key if len(key) <= LONGEST_KEY else _digest(key)
    return f"{short}@{received_at}" if received_at else short


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:16]}"
