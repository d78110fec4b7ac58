"""JSON in every way that it may be written: the strategies of the property tests.

Values are drawn by hypothesis; how they are written (order, white space, escapes) is drawn from one seed, which is a
hundred times faster than a decision a character.
"""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

# Characters that have broken somebody: the form's, the template's, JSON's, SQS's and Unicode's own.
CHARACTERS = st.one_of(
    st.sampled_from(
        "&=+%;?#$!{}[]()\"'\\/.,:<>@^`|~ \x00\x01\x08\t\n\x0b\r\x1f\x7f\x85\u2028\u2029\ufeff\ufffd\ufffe\uffff"
    ),
    st.characters(codec="utf-8"),
    st.characters(min_codepoint=0x10000, codec="utf-8"),
)
TEXTS = st.one_of(
    st.text(CHARACTERS, max_size=30),
    st.sampled_from(
        [
            *("&DelaySeconds=900", "%26Action%3DPurgeQueue", "+", "100% & more", "\\u0000"),
            *("$input.body", "#set($wrong = 'x')", "${context.requestId}", "$util.urlDecode('%26')", "#end#end"),
        ]
    ),
)
NUMBERS = st.one_of(st.integers(), st.integers(10**300, 10**400), st.floats(allow_nan=False, allow_infinity=False))
VALUES: SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, NUMBERS, st.booleans(), st.none()),
    lambda values: st.one_of(st.lists(values, max_size=4), st.dictionaries(TEXTS, values, max_size=4)),
    max_leaves=8,
)
SEEDS = st.integers(0, 2**32)
SHORT = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\", "/": "\\/"}
ALONE = ("\\ud800", "\\uDFFF", "\\udbff\\ud800")


def written(value: Any, random: Random, *, alone: bool = False) -> str:
    """The value as JSON: members in any order, white space anywhere, strings escaped at will, numbers with exponents.

    With `alone` now and then a string ends in a lone surrogate, which JSON can write and UTF-8 cannot.
    """

    def space() -> str:
        return "".join(random.choices(" \t\r\n", k=random.choice((0, 0, 0, 1, 2))))

    def inner(value: Any) -> str:
        match value:
            case dict():
                members = [
                    f"{space()}{_string(name, random)}{space()}:{space()}{inner(item)}{space()}"
                    for name, item in value.items()
                ]
                random.shuffle(members)
                return "{" + (",".join(members) or space()) + "}"
            case list():
                return "[" + (",".join(f"{space()}{inner(item)}{space()}" for item in value) or space()) + "]"
            case str():
                text = _string(value, random)
                return text[:-1] + random.choice(ALONE) + '"' if alone and random.random() < 0.05 else text
            case float():
                return repr(value).replace("e", random.choice("eE"))
        return json.dumps(value)

    return space() + inner(value) + space()


def _string(text: str, random: Random) -> str:
    """A JSON string: characters raw, by short escape or as UTF-16 in hex, in either case."""
    style = random.random()
    parts = []
    for character in text:
        if character in SHORT and random.random() < 0.5:
            parts.append(SHORT[character])
        elif character < " " or character in '"\\' or random.random() < style:
            units = character.encode("utf-16-be").hex()
            parts.append(re.sub("(....)", r"\\u\1", random.choice((units, units.upper()))))
        else:
            parts.append(character)
    return '"' + "".join(parts) + '"'


@st.composite
def anything(draw: DrawFn) -> str:
    """A JSON object with whatever a third party may send, sometimes nested deeply or long."""
    random = Random(draw(SEEDS))
    match draw(st.integers(0, 60)):
        case 0:
            depth = draw(st.integers(1, 200))
            return '{"a":' * depth + written(draw(VALUES), random, alone=True) + "}" * depth
        case 1:
            size = draw(st.one_of(st.integers(1, 2_000), st.integers(997_000, 999_000)))
            filler = draw(st.sampled_from(["a", "&", "+", "é", "😀", "%41", "\\u0000"]))
            return '{"a":"' + filler * (size // len(filler.encode())) + '"}'
    value = draw(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
    return written(value, random, alone=True)


IDENTIFIERS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
LANGUAGES = st.from_regex(r"[A-Z]{2}", fullmatch=True)
NAMES = st.text(CHARACTERS.filter(lambda one: one > " " and one not in "@\x7f"), min_size=1, max_size=20)
TICKETS = st.fixed_dictionaries(
    {
        "ticket_id": IDENTIFIERS,
        "email": NAMES.map(lambda name: f"{name}@example.com"),
        "language": LANGUAGES,
        "wanted": st.lists(
            st.fixed_dictionaries({"agent": IDENTIFIERS, "hours": st.integers(1, 1000)}), min_size=1, max_size=3
        ),
    }
)
CHANGES = st.fixed_dictionaries({"step": st.integers(1, 1000), "note": TEXTS})


@st.composite
def in_any_way(draw: DrawFn, values: SearchStrategy[Any]) -> str:
    """One of the values, written in a way that JSON allows."""
    return written(draw(values), Random(draw(SEEDS)))
