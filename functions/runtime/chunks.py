"""What one call of a batch operation takes: ten entries, and so many bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

ENTRIES = 10
MESSAGES_BYTES = 1_000_000
"""Bytes of a SendMessageBatch, a little less than SQS takes.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html"""


def chunks(items: Iterable[T], most: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """The items in order, in lists of at most ten and of `most` bytes; one that is larger is alone."""
    chunk: list[T] = []
    total = 0
    for item in items:
        own = size(item)
        if chunk and (len(chunk) == ENTRIES or total + own > most):
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += own
    if chunk:
        yield chunk


def message_size(entry: Mapping[str, Any]) -> int:
    """Bytes of an entry's body and of its attributes' names, types and values, as SQS counts them."""
    counted = len(entry["MessageBody"].encode())
    for name, attribute in entry["MessageAttributes"].items():
        value = attribute.get("BinaryValue", attribute.get("StringValue") or "")
        counted += (
            len(name.encode()) + len(attribute["DataType"]) + len(value if isinstance(value, bytes) else value.encode())
        )
    return counted
