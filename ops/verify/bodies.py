"""Bodies that fit a contract, in spellings that tell whether somebody wrote them anew on the way."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from functions.contracts.contract import Command
from functions.contracts.example import example
from functions.contracts.path import body_of
from functions.contracts.webhooks import ReceiveWebhook

# What a template, a form or a JSON parser could change: spaces, escapes, numbers, characters beyond ASCII and the BMP.
ODD = {
    "a&b=c+d%20e": "1+1=2 & 100% \u00e9\u4e2d\U0001f600 </script> $util.x #set($y)",
    "number": 1.50,
    "slash": "a/b\\c",
}


def plain(contract: type[Command]) -> bytes:
    """A body that fits the contract."""
    return json.dumps(example(contract)).encode()


def odd(contract: type[Command]) -> bytes:
    """One in an unusual spelling: white space of every kind, letters as escapes, members in another order.

    Of a webhook, whose body is free, also characters that a form or a template could change, a member that is there
    twice, and numbers that a parser would write anew.
    """
    body = example(contract)
    if issubclass(contract, ReceiveWebhook):
        text = json.dumps({**body, **ODD}, indent=1, ensure_ascii=False)
        text = '{ "twice": 1, "twice": 2.50e1, "big": 12345678901234567890123,' + text[1:]
    else:
        text = json.dumps(_turned(body), indent=1)
    escaped = text.replace('": "', '" :\t"').replace("\n", "\r\n")
    return f"\r\n {_escaped(escaped)} \t\n".encode()


def with_text(contract: type[Command], character: str) -> bytes | None:
    """A body with the character in one of its texts; None where no text of the contract takes it."""
    if issubclass(contract, ReceiveWebhook):
        return json.dumps({"text": f"a{character}b"}, ensure_ascii=False).encode()
    body = example(contract)
    for name, value in body.items():
        if not isinstance(value, str):
            continue
        text = json.dumps({**body, name: value + character}, ensure_ascii=False).encode()
        try:
            msgspec.json.decode(text, type=body_of(contract))
        except msgspec.ValidationError:
            continue
        return text
    return None


def padded(contract: type[Command], size: int) -> bytes:
    """One of exactly so many bytes: white space after it."""
    return plain(contract).ljust(size)


def wrong(contract: type[Command]) -> list[bytes]:
    """Bodies that do not fit, whose values and names would break an answer that repeats them unguarded."""
    if issubclass(contract, ReceiveWebhook):
        return [b'["\\"", "\\\\"]', b'"a \\" quote"', b"17"]
    body = example(contract)
    name = next(iter(body))
    quoted = 'a " quote, a \\ backslash, {braces}, a\nline and <tags>'
    return [
        json.dumps({**body, quoted: quoted}).encode(),
        json.dumps({**body, name: {quoted: quoted}}).encode(),
        json.dumps({**body, name: quoted}).encode(),
        json.dumps({key: value for key, value in body.items() if key != name}).encode(),
        b'["\\"", "\\\\"]',
    ]


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(value)}
    return [_turned(each) for each in value] if isinstance(value, list) else value


def _escaped(text: str) -> str:
    """The text with the first letter of the first name written as an escape, which means the same."""
    at = text.index('"') + 1
    return f"{text[:at]}\\u{ord(text[at]):04x}{text[at + 1 :]}"
