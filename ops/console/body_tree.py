"""A body as a tree that a page can show: every value a text, and no deeper or longer than somebody reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ops.sqs.message import UNREADABLE

DEEPEST = 12
MOST = 2_000
"""Values that are shown of a body; what is longer is shown as it was sent."""


@dataclass(frozen=True)
class Node:
    """A value: an object's or list's members `below`, or the `text` of anything else, whose `kind` is JSON's word."""

    name: str
    kind: str
    text: str
    below: list[Node] = field(default_factory=list)


def tree(value: Any) -> Node | None:
    """The tree of a decoded body that is an object or a list; None for any other, and for one of too many values."""
    if not isinstance(value, dict | list):
        return None
    left = [MOST]
    try:
        node = _node("", value, 0, left)
    except RecursionError:
        return None
    return node if left[0] > 0 else None


def _node(name: str, value: Any, depth: int, left: list[int]) -> Node:
    left[0] -= 1
    if left[0] <= 0:
        return Node(name, "text", "…")
    if isinstance(value, dict | list) and value and depth < DEEPEST:
        members = value.items() if isinstance(value, dict) else ((str(at), each) for at, each in enumerate(value))
        below = [_node(str(key), each, depth + 1, left) for key, each in _some(members, left)]
        count = f"{len(value):,} {'member' if isinstance(value, dict) else 'item'}{'' if len(value) == 1 else 's'}"
        return Node(name, "object" if isinstance(value, dict) else "list", count, below)
    if isinstance(value, str):
        return Node(name, "string", value)
    try:
        text = msgspec.json.encode(value).decode()
    except UNREADABLE:
        text = str(value)
    kind = "null" if value is None else "boolean" if isinstance(value, bool) else "number"
    return Node(name, kind if not isinstance(value, dict | list) else "text", text)


def _some(members: Any, left: list[int]) -> Iterator[Any]:
    for each in members:
        if left[0] <= 0:
            return
        yield each
