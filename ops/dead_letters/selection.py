"""Which messages are meant: by JMESPath over everything a message says, by age, by cause, by id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from ops.dead_letters.cause import UNEXPLAINED, Cause, Causes, label
from ops.dead_letters.filter import DoesNotFit, Filter
from ops.errors import UsageError
from ops.queue import Kind
from ops.sqs.message import UNREADABLE, Message

_ALL = "would select everything: give it a value, or leave it out to mean everything."
SPAN = re.compile(r"(\d{1,9})\s*(s|m|h|d)")
FEW = 5
"""Ids that are told."""
NO_ID = re.compile(r"[\s;,'\"]")
"""What no message id has; AWS's are UUIDs, those of other implementations need not be."""
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _blank(name: str) -> str:
    return f"{name} is blank, so it {_ALL}"


def checked_limit(limit: int | None) -> None:
    """Raises `UsageError` for a limit that lets no message through."""
    if limit is not None and limit < 1:
        raise UsageError(f"limit is {limit}: give at least 1, or leave it out.")


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

    `filter` is JMESPath over `document`, as `Filter` reads it; what it does not fit is not meant. `older_than` is in
    seconds since SQS took the message, on a FIFO queue since it died. `cause` is a part of the cause's words or the
    name of its error, whatever their case, or `unexplained`: only what is recorded counts, not what the log says.
    Raises `UsageError` for a filter that is none, and for a blank one, a blank cause, no ids or an age of nothing: what
    is blank, as an unset variable of a script, would mean everything.
    """

    filter: str | None = None
    older_than: int | None = None
    cause: str | None = None
    ids: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name, value in (("filter", self.filter), ("cause", self.cause)):
            if value is not None and not value.strip():
                raise UsageError(_blank(name))
        if isinstance(self.ids, str):
            raise UsageError("ids is one text: give a tuple of them.")
        if self.ids is not None and not (self.ids and all(id_.strip() for id_ in self.ids)):
            raise UsageError(_blank("ids"))
        for id_ in self.ids or ():
            if NO_ID.search(id_):
                raise UsageError(f"{id_!r} is no message id: separate ids by commas.")
        if self.older_than is not None and self.older_than <= 0:
            raise UsageError(f"older-than is {self.older_than} seconds, so it {_ALL}")
        if self.filter is not None:
            Filter.of(self.filter)

    @property
    def everything(self) -> bool:
        """Whether every message is meant."""
        return self == EVERYTHING

    @property
    def asks_cause(self) -> bool:
        """Whether a message's cause must be known."""
        return self.cause is not None or (self.filter is not None and Filter.of(self.filter).reads("cause"))

    def means(self, message: Message, cause: Cause | None) -> bool | None:
        """Whether this message is meant; None where the filter does not fit it, so that nobody can say."""
        if self.ids is not None and message.message_id not in self.ids:
            return False
        if self.older_than is not None and (datetime.now(UTC) - message.sent_at).total_seconds() < self.older_than:
            return False
        if self.cause is not None and not _is_named(cause, self.cause.strip().casefold()):
            return False
        if self.filter is None:
            return True
        chosen = Filter.of(self.filter)
        try:
            try:
                return chosen.selects(document(message, cause))
            except RecursionError:  # what is nested too deep counts as text
                return chosen.selects(_document(message, cause, message.body))
        except (DoesNotFit, RecursionError):
            return None


class Chooser:
    """Says which messages of one queue are meant, and counts those that the filter does not fit.

    Why a message of somebody else's queue is dead is recorded nowhere, unless EventBridge or Lambda wrote it on the
    message: where causes decide and there is none, it is not meant, and counted likewise. Raises `UsageError` where
    just what has no cause is meant there.
    """

    def __init__(self, selection: Selection, kind: Kind) -> None:
        self._selection = selection
        self._not_seen = dict.fromkeys(selection.ids or ())
        self._by_known_cause = selection.asks_cause and kind == "other"
        self.found: dict[str, Cause | None] = {}
        """The causes of the messages that were chosen from last, by their ids."""
        self.unfit = 0
        """Messages that are not meant because the filter does not fit them, or because nobody knows their cause."""
        if self._by_known_cause and selection.cause is not None and _is_named(None, selection.cause.strip().casefold()):
            raise UsageError(
                "Why messages of a queue that is not the stage's are dead is recorded nowhere, so `unexplained` would "
                "mean every one: choose by --ids, --older-than or --filter."
            )

    def saw(self, messages: Sequence[Message]) -> None:
        """Takes note of what is in the queue, whether it is meant or not."""
        if self._not_seen:
            for message in messages:
                self._not_seen.pop(message.message_id, None)

    @property
    def not_seen(self) -> list[str]:
        """The ids that are meant and that no message had so far."""
        return list(self._not_seen)

    def means(self, message: Message, cause: Cause | None, *, unreadable: bool = False) -> bool:
        """Whether this message is meant; one whose record is `unreadable` is not, where causes decide."""
        unknown = (self._by_known_cause and cause is None) or (self._selection.asks_cause and unreadable)
        meant = None if unknown else self._selection.means(message, cause)
        self.unfit += meant is None
        return meant is True

    async def choose(self, messages: Sequence[Message], causes: Causes | None, kind: Kind) -> list[Meant | None]:
        """Each message that is meant with its cause, None for the others; `kind` is their queue's.

        Without `causes` they are not looked up.
        """
        self.saw(messages)
        found = await causes.of(messages, kind) if causes is not None else [None] * len(messages)
        self.found = {message.message_id: cause for message, cause in zip(messages, found, strict=True)}
        return [
            (Meant.of(cause) if causes is not None else Meant())
            if self.means(message, cause, unreadable=causes is not None and causes.unreadable(message.message_id))
            else None
            for message, cause in zip(messages, found, strict=True)
        ]


def not_seen_in_words(ids: Sequence[str]) -> str | None:
    """What must be said of ids that no message had, if there are any."""
    if not ids:
        return None
    more = f" and {len(ids) - FEW:,} more" if len(ids) > FEW else ""
    return f"{len(ids):,} of the ids were not seen in the queue: {', '.join(ids[:FEW])}{more}."


def in_words(unfit: int) -> str | None:
    """What must be said of messages that the filter does not fit, if there are any."""
    return f"{unfit:,} were left alone: the filter does not fit them, or their cause is not known." if unfit else None


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


def _is_named(cause: Cause | None, words: str) -> bool:
    """Whether the cause has these words; where there is none, they must be the whole of its one word."""
    if cause is None:
        return words == UNEXPLAINED
    return any(words in name.casefold() for name in (cause.label, cause.error_type))


EVERYTHING = Selection()
