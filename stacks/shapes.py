"""Whether what stands in an entry is of the shape that the entry says: where several belong, a tuple of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

TUPLE = re.compile(r"tuple\[(\w+)(\[[\w, ]+\])?, \.\.\.\]")
KINDS = {"str": (str, "text"), "type": (type, "a contract's class"), "Mapping": (Mapping, "a mapping")}
"""What a tuple may be of beside other entries, and what to call it."""


def refusals(entry: Any) -> Iterator[str]:
    """What is no tuple, or holds what does not belong there, in the entry and all that it holds; one sentence each."""
    for field in fields(entry):
        many = TUPLE.fullmatch(str(field.type))
        if many is None:
            continue
        kind, value = many[1], getattr(entry, field.name)
        if not isinstance(value, tuple):
            yield (
                f"{_name(entry)}: {field.name} is {_shown(value)}, and a tuple belongs there; write "
                f"{field.name}=(…,), with a comma after the last one."
            )
            continue
        for each in value:
            known, word = KINDS.get(kind, (object, kind))
            if not isinstance(each, known) or (kind not in KINDS and type(each).__name__ != kind):
                yield f"{_name(entry)}: {field.name} holds {_shown(each)}, and {word} belongs there."
            elif is_dataclass(each) and not isinstance(each, type):
                yield from refusals(each)


def _name(entry: Any) -> str:
    own = getattr(entry, "name", None) or getattr(entry, "function", None) or getattr(entry, "table", None)
    return type(entry).__name__ + (f" {own!r}" if own else "")


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else f"one {type(value).__name__}"
