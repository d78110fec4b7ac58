"""Keeps the fields that a contract marks secret out of whatever is logged, recorded or shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

from msgspec import Meta, Struct, to_builtins

REDACTED = "[secret]"
LONGEST = 16_000
"""Characters of a text that are searched: of a megabyte it would take a function's time and memory."""
BEGINNING = LONGEST // 64
"""Characters of a longer value that are searched for; what follows them in the text is hidden to the end."""
MOST = 500
"""Values that are searched for; of a contract with more the whole text is hidden."""


def redacted(contract: Any) -> Any:
    """The contract as plain data, with the value of every secret field replaced, however deep."""
    match contract:
        case Struct():
            return {
                name: REDACTED if secret and value is not None else redacted(value)
                for name, value, secret in _fields(contract)
            }
        case Mapping():
            return {name: redacted(value) for name, value in contract.items()}
        case list() | tuple():
            return [redacted(value) for value in contract]
        case _:
            return contract


def redact(text: str, contract: Struct | None) -> str:
    """`text` with every value of a secret field of `contract` replaced, however it is spelled there.

    Spelled is escaped as in JSON, Python, a URL or HTML, up to four times over, or in another case. What is encoded as
    base64, hashed, cut or broken up is not found. A value of one or two characters is one only where it stands alone.
    A text without measure ends where half of what is searched of it does.
    """
    return hide(text, {value for value in _secrets(contract) if value})


def hide(text: str, values: set[str]) -> str:
    """`text` with each of these values replaced, as `redact` does; none of them is empty."""
    if not values:
        return text
    if len(values) > MOST:
        return REDACTED
    from functions.contracts.spellings import places  # for errors only, which a cold start need not wait for

    whole, end, tail = text, len(text), ""
    if len(whole) > LONGEST:
        text, end, tail = whole[:LONGEST], LONGEST // 2, "…"
    short = {value for value in values if len(value) <= BEGINNING}
    for start, _ in places(text, {value[:BEGINNING] for value in values - short}):
        if start < end:
            end, tail = start, REDACTED
    parts: list[str] = []
    done = 0
    for start, stop in places(text, short):
        if start < end:
            parts += (text[done:start], REDACTED)
            done = stop
    return "".join(parts) + text[done:end] + tail


def secret_fields(kind: Any) -> Iterator[str]:
    """The names of the contract's secret fields, as JSON has them, however deep."""
    waiting, seen = [kind], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, Struct) and one not in seen:
            seen.add(one)
            hints = get_type_hints(one, include_extras=True)
            for name, encoded in zip(one.__struct_fields__, one.__struct_encode_fields__, strict=True):
                if is_secret(hints[name]):
                    yield encoded
                else:
                    waiting.append(hints[name])
        else:
            waiting += get_args(one)


def _secrets(contract: Any) -> Iterator[str]:
    match contract:
        case Struct():
            for _, value, secret in _fields(contract):
                yield from _texts(to_builtins(value)) if secret else _secrets(value)
        case Mapping():
            for value in contract.values():
                yield from _secrets(value)
        case list() | tuple():
            for value in contract:
                yield from _secrets(value)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case Mapping():
            for part in value.values():
                yield from _texts(part)
        case list():
            for part in value:
                yield from _texts(part)
        case None | bool():
            return
        case int() | float():
            yield from {str(value), f"{value:,}"}
        case _:
            yield str(value)


def _fields(contract: Struct) -> Iterator[tuple[str, Any, bool]]:
    hints = get_type_hints(type(contract), include_extras=True)
    for name in contract.__struct_fields__:
        yield name, getattr(contract, name), is_secret(hints[name])


def is_secret(hint: Any) -> bool:
    """Whether a field of that type is marked secret, or holds what is."""
    marks = (mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Meta))
    return any((mark.extra or {}).get("secret") for mark in marks) or any(map(is_secret, get_args(hint)))
