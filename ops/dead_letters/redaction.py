"""Keeps secrets off the screen: the fields that contracts mark, and names that say what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from functions.contracts.redaction import REDACTED
from ops.sqs.message import UNREADABLE
from stacks.entry import Topology

TELLING = re.compile(
    r"pass(word|wd)?$|secret|token|api[-_]?key|authorization|credential|card[-_]?number|cvv|iban", re.IGNORECASE
)
NAMED = re.compile(r'(?P<before>"(?P<name>[^"\\]*)"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,{}\[\]"]+)')
"""A name and its plain value, in a text that looks like JSON."""


class Redaction:
    """Hides what the contracts of a topology mark as secret, and what a name says is secret."""

    def __init__(self, topology: Topology) -> None:
        contracts = [*(route.accepts for route in topology.routes), *topology.events]
        self._names = {name for contract in contracts for name in _marked(inspect.type_info(contract))}

    def of(self, value: Any, name: str = "") -> Any:
        """The same value with everything secret hidden, at any depth."""
        if name and (name in self._names or TELLING.search(name)):
            return REDACTED
        if isinstance(value, dict):
            return {key: self.of(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        return value

    def body(self, body: str) -> str:
        """A body as it may be shown: JSON indented and redacted.

        Of what is no JSON, or nested too deep to be read as such, the values are hidden that stand right behind a name.
        """
        try:
            return msgspec.json.format(msgspec.json.encode(self.of(msgspec.json.decode(body))), indent=2).decode()
        except UNREADABLE:
            return NAMED.sub(self._hidden, body)

    def _hidden(self, pair: re.Match[str]) -> str:
        secret = pair["name"] in self._names or TELLING.search(pair["name"])
        return f'{pair["before"]}"{REDACTED}"' if secret else pair[0]


def _marked(kind: inspect.Type) -> Iterator[str]:
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            if _is_secret(field.type):
                yield field.encode_name
            yield from _marked(field.type)
    for part in ("item_type", "type", "key_type", "value_type"):
        inner = getattr(kind, part, None)
        if isinstance(inner, inspect.Type):
            yield from _marked(inner)
    for inner in (*getattr(kind, "types", ()), *getattr(kind, "item_types", ())):
        yield from _marked(inner)


def _is_secret(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.Metadata):
        return bool((kind.extra or {}).get("secret")) or _is_secret(kind.type)
    return any(_is_secret(inner) for inner in getattr(kind, "types", ()))
