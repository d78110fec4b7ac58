"""Which messages are meant: by JMESPath over everything a message says, by age, by cause, by id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError
from msgspec import Struct

from ops.dead_letters.cause import Cause, Causes, label
from ops.errors import UsageError
from ops.queue import Kind
from ops.sqs.message import UNREADABLE, Message

SPAN = re.compile(r"(\d+)\s*(s|m|h|d)")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds(text: str) -> int:
    """`90s`, `15m`, `2h` or `3d` in seconds. Raises `UsageError` for anything else."""
    span = SPAN.fullmatch(text.strip())
    if span is None:
        raise UsageError(f"{text!r} is no span of time: write 90s, 15m, 2h or 3d.")
    return int(span[1]) * SECONDS[span[2]]


def document(message: Message, cause: Cause | None) -> dict[str, Any]:
    """What a filter sees: `body` (decoded where it is JSON), `attributes`, `cause`, `system` and `message_id`."""
    try:
        body = msgspec.json.decode(message.body)
    except UNREADABLE:
        body = message.body
    return _document(message, cause, body)


def _document(message: Message, cause: Cause | None, body: Any) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "body": body,
        "attributes": {name: value.text for name, value in message.message_attributes.items()},
        "system": message.attributes,
        "cause": msgspec.to_builtins(cause) if cause is not None else None,
    }


class Selection(Struct, frozen=True, omit_defaults=True):
    """Says which messages are meant; everything where nothing is set.

    `filter` is JMESPath over `document`; a message is meant where the result is true as JMESPath has it: not false,
    null or empty. `older_than` is in seconds since SQS took the message, on a FIFO queue since it died. `cause` is a
    part of the cause's words or the name of its error, whatever their case, or `unexplained`: only what is recorded
    counts, not what the log says. Raises `UsageError` for a filter that does not parse.
    """

    filter: str | None = None
    older_than: int | None = None
    cause: str | None = None
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.filter is not None:
            _compiled(self.filter)

    @property
    def everything(self) -> bool:
        """Whether every message is meant."""
        return self == EVERYTHING

    @property
    def asks_cause(self) -> bool:
        """Whether a message's cause must be known."""
        return self.cause is not None or (self.filter is not None and "cause" in _fields(_compiled(self.filter).parsed))

    def means(self, message: Message, cause: Cause | None) -> bool:
        """Whether this message is meant. Raises `UsageError` where the filter cannot be applied to it."""
        if self.ids and message.message_id not in self.ids:
            return False
        if self.older_than is not None and (datetime.now(UTC) - message.sent_at).total_seconds() < self.older_than:
            return False
        if self.cause is not None and not any(self.cause.casefold() in name.casefold() for name in _named(cause)):
            return False
        if self.filter is None:
            return True
        try:
            try:
                result = _compiled(self.filter).search(document(message, cause))
            except RecursionError:  # what is nested too deep counts as text
                result = _compiled(self.filter).search(_document(message, cause, message.body))
        except JMESPathError as error:
            raise UsageError(f"The filter fails on message {message.message_id}: {error}") from None
        return result is not None and result is not False and result not in ("", [], {})

    async def choose(self, messages: Sequence[Message], causes: Causes | None, kind: Kind) -> list[Meant | None]:
        """Each message that is meant with its cause, None for the others; `kind` is their queue's.

        Without `causes` they are not looked up.
        """
        found = await causes.of(messages, kind) if causes is not None else [None] * len(messages)
        return [
            (Meant.of(cause) if causes is not None else Meant()) if self.means(message, cause) else None
            for message, cause in zip(messages, found, strict=True)
        ]


class Meant(Struct, frozen=True):
    """Why a message that is meant is dead, in the words under which equal causes are counted; empty if nobody asked.

    `first` and `last` are the first and the last failure where they were not the main one.
    """

    cause: str = ""
    first: str | None = None
    last: str | None = None

    @classmethod
    def of(cls, cause: Cause | None) -> Meant:
        """The words for that cause."""
        first, last = (cause.first, cause.last) if cause is not None else (None, None)
        return cls(label(cause), first.label if first else None, last.label if last else None)


def _named(cause: Cause | None) -> tuple[str, ...]:
    return (label(cause),) if cause is None else (label(cause), cause.error_type)


def _fields(tree: Any) -> Iterator[str]:
    """The names of all fields in a parsed filter."""
    if isinstance(tree, dict):
        if tree["type"] == "field":
            yield tree["value"]
        for part in tree["children"]:
            yield from _fields(part)


@lru_cache(16)
def _compiled(filter_: str) -> Any:
    try:
        return jmespath.compile(filter_)
    except JMESPathError as error:
        reason = " ".join(str(error).split("\n")[0].split())
        raise UsageError(f"The filter {filter_!r} is no JMESPath: {reason}") from None


EVERYTHING = Selection()
