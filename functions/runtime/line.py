"""One line of the log: a JSON object that CloudWatch takes as one event, whatever was to be said.

CloudWatch takes a line break for the end of an event, and what is no JSON object for text without fields. A line may be
long because a caller chose a long name; nobody reads more than the beginning, and every byte is paid for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from functions.runtime.excerpt import excerpt

LONGEST = 16_384
"""Bytes of a line at the most, with its line break."""
KEPT = ("level", "message", "timestamp", "service", "message_id", "correlation_id", "event_id", "error_type")
"""What is left of a line of which nothing else fits."""
SHORT = 200
"""Characters that those keep, whatever is cut."""
# Line breaks that a JSON text may hold as they are.
_BREAKS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def _text(value: Any) -> str:
    try:
        text = bytes(value).decode(errors="replace") if isinstance(value, Raw) else str(value)
    except Exception as error:
        text = f"a {type(value).__name__} whose text is a {type(error).__name__}"
    return text.encode(errors="backslashreplace").decode()


_encode = msgspec.json.Encoder(enc_hook=_text).encode
_decode = msgspec.json.Decoder().decode
_UNFIT = (TypeError, ValueError, RecursionError)


def line(fields: Mapping[str, Any] | Struct) -> str:
    """The fields as one line, without its line break. What has no JSON form is written as its text; `…` marks a cut."""
    try:
        written = _encode(fields)
        # Most lines are plain; but there may be a `Raw` in one that is no JSON, although it says it is.
        if len(written) < LONGEST and written.isascii() and b"\n" not in written and b"\r" not in written:
            _decode(written)
            return written.decode()
    except _UNFIT:
        pass
    return _made_to_fit(_plain_fields(fields))


def _made_to_fit(plain: Mapping[str, Any]) -> str:
    made = _one_line(plain)
    most = LONGEST // 2
    while not _fits(made) and most >= 16:
        made = _one_line(
            {_cut(name, most): _cut(value, max(most, SHORT) if name in KEPT else most) for name, value in plain.items()}
        )
        most //= 2
    if _fits(made):
        return made
    return _one_line({name: excerpt(str(plain[name]), SHORT) for name in KEPT if name in plain})


def _fits(made: str) -> bool:
    return len(made.encode()) < LONGEST


def _one_line(plain: Mapping[str, Any]) -> str:
    return _encode(plain).decode().translate(_BREAKS)


def _plain_fields(fields: Mapping[str, Any] | Struct) -> dict[str, Any]:
    named = msgspec.to_builtins(fields, enc_hook=_text) if isinstance(fields, Struct) else fields
    return {_text(name): _plain(value) for name, value in named.items()}


def _plain(value: Any) -> Any:
    """The value as JSON has it: what says that it is JSON is read, and what has no JSON form is its text."""
    try:
        return _decode(_encode(value))
    except _UNFIT:
        pass
    try:
        match value:
            case Mapping():
                return {_text(name): _plain(each) for name, each in value.items()}
            case list() | tuple():
                return [_plain(each) for each in value]
    except RecursionError:
        return f"a {type(value).__name__} that is nested too deep"
    return _text(value)


def _cut(value: Any, most: int) -> Any:
    """The value without what is beyond `most`: characters of a text, an eighth as many entries, half within them."""
    match value:
        case str():
            return excerpt(value, most)
        case list() | dict() if most < 8:
            return "…"
        case list():
            entries = [_cut(each, most // 2) for each in value[: most // 8]]
            return entries if len(entries) == len(value) else [*entries, "…"]
        case dict():
            named = {_cut(name, most // 2): _cut(each, most // 2) for name, each in list(value.items())[: most // 8]}
            return named if len(value) <= most // 8 else named | {"…": "…"}
    return value
