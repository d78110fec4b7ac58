"""The two kinds of contract: commands ask for something, events say that it happened."""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from hashlib import sha256
from typing import Annotated, ClassVar, TypeVar

from msgspec import DecodeError, Meta, Raw, Struct
from msgspec.json import Decoder, encode

from functions.contracts.path import body_of
from functions.contracts.reject import Reject

T = TypeVar("T")


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request for work, as a caller posts it and a queue carries it.

    Unknown fields are refused, so that a misspelt optional field is an error at the edge and not a silent loss.

    `business_key` names the field that says which effect this is: two messages with the same value are the same
    request. Where it is None, the `Idempotency-Key` of the request takes that place.

    A field marked `FromPath` is not in the body but in the path of the request. `largest_body` is the most bytes that
    the body may have, where that is less than a queue takes: say it where all of the body goes into an event.
    """

    business_key: ClassVar[str | None] = None
    largest_body: ClassVar[int | None] = None

    def body(self) -> Struct:
        """What the body says: all but the field that comes from the path."""
        kind = body_of(type(self))
        if kind is type(self):
            return self
        return kind(**{name: getattr(self, name) for name in kind.__struct_fields__})

    def digest(self) -> str:
        """What the body says, in 64 hex digits: equal for equal content, however the JSON was written.

        Defaults are left out, so a new optional field changes no digest.
        """
        return sha256(encode(self.body())).hexdigest()


class Event(Struct, frozen=True, kw_only=True):
    """A fact, published once its effect is durable. The class name is EventBridge's detail-type.

    Unknown fields are ignored, so that a new optional field breaks no subscriber. Removing or narrowing a field needs
    a new `version`. `source` is EventBridge's source. `business_key` names the field whose value is the subject.

    Making one that breaks its own contract raises `Reject`. So make it before the effect: what subscribers would refuse
    for ever then never happened.
    """

    source: ClassVar[str]
    version: ClassVar[int] = 1
    business_key: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        """Check what is made; what is read, its decoder checks."""
        if not _reading.get():
            self.fits()

    def fits(self) -> bytes:
        """The event as JSON. Raises `Reject` if a subscriber could not read it."""
        try:
            written = encode(self)
            read(_reader(type(self)), written)
        except (DecodeError, UnicodeError, TypeError) as error:
            raise Reject(f"{type(self).__name__} would not fit its own contract: {error}.") from error
        return written


_reading: ContextVar[bool] = ContextVar("reading", default=False)


def read(decoder: Decoder[T], written: bytes | str | Raw) -> T:
    """What the decoder reads, so that an event is not checked a second time. Raises what the decoder raises."""
    before = _reading.set(True)
    try:
        return decoder.decode(written)
    finally:
        _reading.reset(before)


@cache
def _reader(event: type[Event]) -> Decoder[Event]:
    return Decoder(event)


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
