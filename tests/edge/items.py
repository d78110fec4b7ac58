"""Items as DynamoDB answers them, contracts that say what of them is shown, and what that is in JSON."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from hypothesis import strategies as st
from msgspec import Meta, Struct

from functions.contracts.contract import Command
from stacks.edge.read_template import NUMBER
from stacks.route import Route
from stacks.status import Read
from tests.sample.contracts import TicketId


class Make(Command, frozen=True, kw_only=True):
    """Make a thing."""

    thing_id: TicketId


class Inner(Struct, frozen=True, kw_only=True):
    name: str
    size: int = 0


class Shown(Struct, frozen=True, kw_only=True):
    thing_id: str
    text: str
    number: float
    flag: bool
    maybe: str | None = None
    word: Literal["a", "b"] = "a"
    long: Annotated[int, Meta(ge=0)] = 0
    parts: tuple[Inner, ...] = ()
    tags: list[str] = []
    grid: list[list[int]] = []
    inner: Inner | None = None
    by_name: dict[str, Inner] = {}
    counts: dict[str, int] = {}
    either: int | str | bool = 0


READ = Read(
    route=Route(path="/v1/things/{thing_id}", method="GET", accepts=Make, queue="make", tenant="X-Tenant-Id"),
    table="things",
    key="thing_id",
    parameter="thing_id",
    pattern="[A-Za-z0-9_-]{1,64}",
    answers=Shown,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "it's",
        "\\'",
        '\\"',
        "</script>",
        "$input.body",
        "#if(true)",
        "#end",
        "${value0}",
        "\u2028",
        "😀",
        "\x00\x1f",
        "é",
    ]
)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str) | st.integers().map(str)
NAMES = st.sampled_from(["get", "keySet", "class", "S", "M", "name", "size", "it's", "$x", "#end"]) | TEXTS.filter(bool)
VALUES = st.recursive(
    st.one_of(
        TEXTS.map(lambda text: {"S": text}),
        NUMBERS.map(lambda number: {"N": number}),
        st.booleans().map(lambda flag: {"BOOL": flag}),
        st.just({"NULL": True}),
        st.just({"B": "AAEC"}),
        st.just({"SS": ["a", "b"]}),
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: {"L": each})
        | st.dictionaries(NAMES, inner, max_size=3).map(lambda each: {"M": each})
    ),
    max_leaves=6,
)


def _typed(kind: Any) -> st.SearchStrategy[Any]:
    """Values of the kind that the contract says."""
    match kind:
        case "text":
            return TEXTS.map(lambda text: {"S": text})
        case "number":
            return NUMBERS.map(lambda number: {"N": number})
        case "flag":
            return st.booleans().map(lambda flag: {"BOOL": flag})
        case "inner":
            fields = {"name": _typed("text"), "size": _typed("number"), "secret": _typed("text")}
            return st.fixed_dictionaries({}, optional=fields).map(lambda each: {"M": each})
    (word, inner) = kind
    if word == "list":
        return st.lists(_typed(inner), max_size=4).map(lambda each: {"L": each})
    return st.dictionaries(NAMES, _typed(inner), max_size=3).map(lambda each: {"M": each})


FITTING = {
    "text": "text",
    "number": "number",
    "flag": "flag",
    "maybe": "text",
    "word": "text",
    "long": "number",
    "parts": ("list", "inner"),
    "tags": ("list", "text"),
    "grid": ("list", ("list", "number")),
    "inner": "inner",
    "by_name": ("map", "inner"),
    "counts": ("map", "number"),
    "either": "number",
}
ITEMS = st.fixed_dictionaries(
    {}, optional={name: _typed(kind) | VALUES for name, kind in FITTING.items()} | {"email": _typed("text")}
)
"""Items of which most attributes fit, some do not, and some are not to be shown."""
_NUMBER = re.compile(NUMBER)
_NOTHING = object()


def shown(item: dict[str, Any], thing_id: str) -> dict[str, Any]:
    """What the contract shows of the item: the definition that templates are held against."""
    fitting = {name: _fits(item[name], kind) for name, kind in _SHAPES.items() if name in item}
    return {"thing_id": thing_id, **{name: value for name, value in fitting.items() if value is not _NOTHING}}


_INNER = {"name": "S", "size": "N"}
_SHAPES: dict[str, Any] = {
    "text": ["S"],
    "number": ["N"],
    "flag": ["BOOL"],
    "maybe": ["S", "NULL"],
    "word": ["S"],
    "long": ["N"],
    "parts": [("L", [("M", _INNER)])],
    "tags": [("L", ["S"])],
    "grid": [("L", [("L", ["N"])])],
    "inner": [("M", _INNER), "NULL"],
    "by_name": [("map", [("M", _INNER)])],
    "counts": [("map", ["N"])],
    "either": ["N", "S", "BOOL"],
}


def _fits(value: dict[str, Any], shapes: list[Any]) -> Any:
    ((tag, content),) = value.items()
    for shape in shapes:
        match shape:
            case str() if shape == tag:
                if tag == "N":
                    return Decimal(content) if _NUMBER.fullmatch(content) else _NOTHING
                return None if tag == "NULL" else content
            case ("L", inner) if tag == "L":
                return [_or_null(_fits(each, inner)) for each in content]
            case ("M", fields) if tag == "M":
                found = {name: _fits(content[name], [kind]) for name, kind in fields.items() if name in content}
                return {name: each for name, each in found.items() if each is not _NOTHING}
            case ("map", inner) if tag == "M":
                return {name: _or_null(_fits(each, inner)) for name, each in content.items()}
    return _NOTHING


def _or_null(value: Any) -> Any:
    return None if value is _NOTHING else value


def read(text: str) -> Any:
    """JSON whose numbers are as exact as they were written, and in which no name stands twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        assert len(made) == len(pairs), "no member twice"
        return made

    return json.loads(text, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=once)
