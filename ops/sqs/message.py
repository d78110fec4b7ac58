"""A message as SQS hands it out and takes it in, and the checksums by which SQS proves what it took."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from msgspec import Struct

MOST_BYTES = 1_048_576
"""The largest message, and the largest batch: body and attributes together.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
MOST_ATTRIBUTES = 10
REMEMBERED = 240
"""Seconds after which a FIFO queue may take once more what was on its way: it remembers for five minutes.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html"""
_NUMBER = re.compile(r"[0-9]{1,9}")
_COUNT = re.compile(r"[0-9]{1,13}")
UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError)
"""What reading a body as JSON can raise: it is somebody else's, and may be nested a hundred thousand levels deep, or
have numbers beyond all measure."""


def number(text: str) -> int | None:
    """The whole number that somebody else wrote in at most nine digits; None for anything else.

    Python refuses to read a number of more than 4,300 digits, and an attribute has room for a million.
    https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
    """
    return int(text) if _NUMBER.fullmatch(text) else None


class Value(Struct, frozen=True, rename="pascal", omit_defaults=True, gc=False):
    """A message attribute's value; `binary_value` is base64, as SQS's JSON protocol carries it."""

    data_type: str
    string_value: str | None = None
    binary_value: str | None = None

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        return self.string_value if self.string_value is not None else self.binary_value or ""


class Message(Struct, rename="pascal"):
    """A message that was received. `attributes` is SQS's own, `message_attributes` the sender's."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: dict[str, str] = {}
    message_attributes: dict[str, Value] = {}

    @property
    def group(self) -> str | None:
        """The FIFO group, or a standard queue's tenant."""
        return self.attributes.get("MessageGroupId")

    @property
    def sent_at(self) -> datetime:
        """When it was first sent."""
        return datetime.fromtimestamp(_count(self.attributes.get("SentTimestamp")) / 1000, UTC)

    @property
    def receives(self) -> int:
        """How often it was received, this time included."""
        return _count(self.attributes.get("ApproximateReceiveCount"))

    @property
    def source(self) -> str | None:
        """The ARN of the queue that SQS moved it from."""
        return self.attributes.get("DeadLetterQueueSourceArn")


class Entry(Struct, rename="pascal", omit_defaults=True):
    """A message to be sent, as one entry of a batch."""

    id: str
    message_body: str
    message_attributes: dict[str, Value] = {}
    message_system_attributes: dict[str, Value] = {}
    message_group_id: str | None = None
    message_deduplication_id: str | None = None

    @property
    def size(self) -> int:
        """Bytes that count towards SQS's limits; the trace header does not.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
        """
        size = _length(self.message_body)
        for name, value in self.message_attributes.items():
            size += attribute_size(name, value)
        return size


def _count(text: str | None) -> int:
    """What SQS counted, 0 where it says nothing that can be read; 13 digits are milliseconds until the year 2286."""
    return int(text) if text is not None and _COUNT.fullmatch(text) else 0


def attribute_size(name: str, value: Value) -> int:
    """Bytes of one attribute: name, type and value."""
    text = value.string_value
    if text is None:
        payload = len(base64.b64decode(value.binary_value or ""))
    else:
        payload = len(text) if text.isascii() else len(text.encode())
    return len(name) + _length(value.data_type) + payload  # SQS takes ASCII names only


def md5_of_body(body: str) -> str:
    """The checksum that SQS answers for a body."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, Value]) -> str | None:
    """The checksum that SQS answers for message attributes; None where there are none.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
    """
    if not attributes:
        return None
    parts: list[bytes] = []
    for name in sorted(attributes):
        value = attributes[name]
        payload = _payload(value)
        parts += (
            _head(name, value.data_type, value.string_value is not None),
            struct.pack(">I", len(payload)),
            payload,
        )
    return hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()


@lru_cache(1024)
def _head(name: str, kind: str, text: bool) -> bytes:
    """What goes before a value: the same for a whole queue's messages."""
    lengths = [struct.pack(">I", len(part)) + part for part in (name.encode(), kind.encode())]
    return b"".join(lengths) + (b"\x01" if text else b"\x02")


def _payload(value: Value) -> bytes:
    return value.string_value.encode() if value.string_value is not None else base64.b64decode(value.binary_value or "")


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
