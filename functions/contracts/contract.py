"""The two kinds of contract: commands ask for something, events say that it happened."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, ClassVar

from msgspec import Meta, Struct
from msgspec.json import encode


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request for work, as a caller posts it and a queue carries it.

    Unknown fields are refused, so that a misspelt optional field is an error at the edge and not a silent loss.

    `business_key` names the field that says which effect this is: two messages with the same value are the same
    request. Where it is None, the `Idempotency-Key` of the request takes that place.
    """

    business_key: ClassVar[str | None] = None

    def digest(self) -> str:
        """What the command says, in 64 hex digits: equal for equal content, however the JSON was written.

        Defaults are left out, so a new optional field changes no digest.
        """
        return sha256(encode(self)).hexdigest()


class Event(Struct, frozen=True, kw_only=True):
    """A fact, published once its effect is durable. The class name is EventBridge's detail-type.

    Unknown fields are ignored, so that a new optional field breaks no subscriber. Removing or narrowing a field needs
    a new `version`. `source` is EventBridge's source. `business_key` names the field whose value is the subject.
    """

    source: ClassVar[str]
    version: ClassVar[int] = 1
    business_key: ClassVar[str | None] = None


# Marks a field that must never be logged or shown; the runtime and the operator's command redact it.
Secret = Meta(extra={"secret": True})

# A pattern is read by Python, by API Gateway and by clients, whose dialects differ: in Python and Java `$` also matches
# before a last line break, and what `\s` matches is another set in each.
END = r"$(?!\n)"
_WORD = r"[^@\x00-\x20\x7f]+"

Email = Annotated[
    str,
    Meta(
        pattern=rf"^{_WORD}@{_WORD}\.{_WORD}{END}",
        max_length=254,
        examples=["ada@example.com"],
    ),
    Secret,
]
