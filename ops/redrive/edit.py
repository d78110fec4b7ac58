"""Editing a message before it is redriven: what a change of bodies is, a JSON merge patch, and the difference it makes.

https://www.rfc-editor.org/rfc/rfc7396
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from ops.dead_letters.cause import Cause
from ops.dead_letters.redaction import LONGEST, Redaction
from ops.errors import UsageError
from ops.sqs.message import UNREADABLE, Message

# Numbers are kept as they were written: 1.10 does not become 1.1, and no digit is lost.
decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode


class Change(Protocol):
    """Says what becomes of bodies."""

    left_by: str
    """Why a message is left where it is, for which there is no body."""

    def of(self, message: Message, body: str, cause: Cause | None) -> str | None:
        """The body that the message is sent with in place of `body`; None leaves the message where it is.

        `cause` is why it is dead, where that was looked up. Raises `ValueError` where it cannot be edited.
        """

    @property
    def ids(self) -> Collection[str]:
        """Ids of the messages that it is for, where it names them."""


class Edit:
    """A merge patch. Raises `UsageError` where the text is no JSON object."""

    left_by: str = "the edit is for every message"
    ids: Collection[str] = ()

    def __init__(self, patch: str) -> None:
        try:
            self._patch = decode(patch)
        except UNREADABLE as error:
            raise UsageError(f"The edit is no JSON: {reason(error)}") from None
        if not isinstance(self._patch, dict):
            raise UsageError('The edit must be a JSON object, such as {"language": "EN"}.')

    def of(self, message: Message, body: str, cause: Cause | None) -> str:
        """What `apply` makes of the body."""
        return self.apply(body)

    def apply(self, body: str) -> str:
        """The body with the patch merged in. Raises `ValueError` where the body is no JSON object."""
        try:
            before = decode(body)
        except UNREADABLE as error:
            raise ValueError(f"its body is no JSON ({reason(error)})") from None
        if not isinstance(before, dict):
            raise ValueError("its body is no JSON object")
        try:
            return encode(merge(before, self._patch)).decode()
        except RecursionError:
            raise ValueError("its body is nested too deep") from None


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged, null removes a member, anything else takes the place of what was there."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def difference(before: str, after: str, redaction: Redaction) -> Iterator[str]:
    """The lines that an edit takes away and puts in, as a unified diff of the indented bodies.

    A secret is hidden in it; where the edit changes one, the line that it puts in says so. Of a long body only the
    members that differ are compared.
    """
    try:
        whole = (decode(before), decode(after))
        both = redaction.change(*(whole if len(before) + len(after) <= LONGEST else _differing(*whole)))
        old, new = (msgspec.json.format(encode(body), indent=2).decode().split("\n") for body in both)
    except UNREADABLE:
        old, new = (redaction.text(body).split("\n") for body in (before, after))
    yield from list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]


def reason(error: Exception) -> str:
    """Why a text is no JSON, without repeating it."""
    if isinstance(error, ArithmeticError):
        return "a number in it is beyond all measure"
    return str(error) if isinstance(error, msgspec.MsgspecError) else "it is nested too deep, or no text"


def _differing(before: Any, after: Any) -> tuple[Any, Any]:
    """Both without the members that are the same in both."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return before, after
    both = {name: _differing(before[name], after[name]) for name in before.keys() & after.keys()}
    same = {name for name in both if before[name] == after[name]}
    old = {name: both[name][0] if name in both else value for name, value in before.items() if name not in same}
    new = {name: both[name][1] if name in both else value for name, value in after.items() if name not in same}
    return old, new
