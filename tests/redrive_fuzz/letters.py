"""Dead letters to put in, drawn by a seed: bodies of every kind and size, attributes, groups; and what chooses them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.redrive_fuzz.evidence import Attributes

MOST = 1_048_576
"""Bytes of a message at the most, body and attributes together."""
KINDS = ("red", "green", "blue")
NAMES = ("Ada", "Bob", "Ånström", "Łukasz", "😀 Zoë", "x\u2028y", 'a\\b"c', "<&>'")


@dataclass(frozen=True)
class Draft:
    """A dead letter before SQS has it."""

    key: str
    body: str
    attributes: Attributes
    group: str | None


def drafts(dice: random.Random, seed: int, count: int, *, groups: int, big: bool) -> list[Draft]:
    """So many dead letters, in `groups` groups; none is a standard queue."""
    made: list[Draft] = []
    for number in range(count):
        key = f"k-{seed}-{number}-z"
        attributes = _attributes(dice)
        body = _body(dice, key, number)
        if big and dice.random() < 0.4:
            body = _big(dice, key, attributes)
        group = f"g{dice.randrange(groups)}" if groups else None
        made.append(Draft(key, body, attributes, group))
    return made


def size(attributes: Attributes) -> int:
    """Bytes of the attributes as SQS counts them."""
    return sum(
        len(n) + len(kind) + len(v if isinstance(v, bytes) else v.encode()) for n, (kind, v) in attributes.items()
    )


def _attributes(dice: random.Random) -> Attributes:
    many = dice.choice((0, 1, 2, 3, 9, 10))
    made: Attributes = {"colour": ("String", dice.choice(KINDS))} if many else {}
    while len(made) < many:
        name = f"{dice.choice(('tenant', 'x-y', 'a.b_c', 'N'))}{len(made)}"
        made[name] = dice.choice(
            (
                ("String", dice.choice(NAMES)),
                ("Number", dice.choice(("1.10", "-7", "1e5"))),
                ("Binary", bytes(dice.randrange(256) for _ in range(8))),
                ("String.custom", "k"),
            )
        )
    if 2 < many < 10 and dice.random() < 0.3:
        made["redriven"] = ("String", "1 20260101-000000-aaaa")
    return made


def _body(dice: random.Random, key: str, number: int) -> str:
    if dice.random() < 0.12:
        return dice.choice(
            (f"plain {key}\r\n\tTEXT", f"<a k='{key}'>&amp;é</a>", f'["{key}", 1.10]', f"{{{key}", f'"{key}"')
        )
    body: dict[str, Any] = {"key": key, "n": number, "kind": dice.choice(KINDS), "name": dice.choice(NAMES)}
    if dice.random() < 0.6:
        body["tags"] = dice.sample(("a", "b", "c", "d"), dice.randrange(4))
    if dice.random() < 0.6:
        body["deep"] = {"level": dice.randrange(5), "more": {"x": None, "y": [1, {"z": True}]}}
    text = json.dumps(body, ensure_ascii=dice.random() < 0.5, indent=dice.choice((None, None, 2)))
    if dice.random() < 0.4:  # numbers that Python would write otherwise
        text = text[:-1] + dice.choice(
            (', "price": 1.10}', ', "price": 1E+2}', ', "id": 12345678901234567890123}', ',"e":-0.0}')
        )
    return text


def _big(dice: random.Random, key: str, attributes: Attributes) -> str:
    """A body that fills its message to the last byte, or half of it."""
    room = MOST - size(attributes)
    length = dice.choice((room, room - 1, room // 2, 100_000))
    sign = dice.choice(("x", "é", "😀"))
    head, tail = f'{{"key": "{key}", "kind": "red", "n": 1, "fill": "', '"}'
    left = length - len(head) - len(tail)
    width = len(sign.encode())
    return head + sign * (left // width) + "." * (left % width) + tail


@dataclass(frozen=True)
class Filter:
    """The same choice twice: in JMESPath, and in Python over body, attributes and group."""

    text: str
    means: Callable[[Any, dict[str, Any], str | None], bool]


def _of(body: Any, name: str) -> Any:
    return body.get(name) if isinstance(body, dict) else None


FILTERS = (
    Filter("body.kind == 'red'", lambda body, _, __: _of(body, "kind") == "red"),
    Filter("body.kind != 'red'", lambda body, _, __: isinstance(body, dict) and body.get("kind") != "red"),
    Filter("body.n >= `7`", lambda body, _, __: isinstance(_of(body, "n"), int) and _of(body, "n") >= 7),
    Filter("attributes.colour == 'blue'", lambda _, attributes, __: attributes.get("colour") == "blue"),
    Filter("contains(body.tags, 'a')", lambda body, _, __: "a" in (_of(body, "tags") or ())),
    Filter(
        "body.deep.level < `3`",
        lambda body, _, __: (_of(_of(body, "deep"), "level") or 0) < 3 and bool(_of(body, "deep")),
    ),
    Filter("starts_with(body.name, 'A')", lambda body, _, __: str(_of(body, "name") or "").startswith("A")),
    Filter("body.deep.more.y[1].z == `true`", lambda body, _, __: bool(_of(body, "deep"))),
    Filter("system.MessageGroupId == 'g1'", lambda _, __, group: group == "g1"),
    Filter(
        "body.kind == 'green' || attributes.colour == 'green'",
        lambda body, attributes, _: isinstance(body, dict) and "green" in (body.get("kind"), attributes.get("colour")),
    ),
    Filter("length(body.tags) > `1`", lambda body, _, __: len(_of(body, "tags") or ()) > 1),
)
PATCHES: tuple[str, ...] = (
    '{"kind": "fixed"}',
    '{"deep": {"level": 9, "more": {"x": {"new": [1.10, null]}}}}',
    '{"tags": null, "name": "Ünï😀"}',
    '{"deep": null, "price": 2.50}',
    '{"name": {"first": {"second": null, "third": 1}}}',
    '{"tags": ["q"], "n": 1e3, "big": 123456789012345678901234567890}',
)


def means(chosen: Filter, draft: Draft) -> bool:
    """Whether the filter means it."""
    try:
        body = json.loads(draft.body)
    except ValueError:
        body = draft.body
    texts = {name: value for name, (_, value) in draft.attributes.items()}
    return chosen.means(body, texts, draft.group)
