"""Every kind of field is told in words."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct, field

from functions.contracts.contract import END, Email
from ops.events.field import DEEPEST, MOST, Field, fields


class Colour(Enum):
    """Two."""

    RED = "red"
    BLUE = "blue"


class Inner(Struct):
    """An object."""

    size: float


class Tree(Struct):
    """One that holds itself."""

    leaves: list[Tree]
    name: str


CASES: dict[str, tuple[Any, str, list[str]]] = {
    "text": (str, "text", []),
    "either": (str | None, "text or null", []),
    "bounded": (Annotated[int, Meta(gt=0, lt=10, multiple_of=3)], "whole number", ["more than 0", "less than 10"]),
    "pattern": (Annotated[str, Meta(pattern=rf"^a{END}", min_length=2)], "text", ["at least 2 characters"]),
    "sized": (Annotated[str, Meta(min_length=2, max_length=2)], "text", ["2 characters"]),
    "range": (Annotated[list[int], Meta(min_length=1, max_length=5)], "list of whole number", ["1 to 5 items"]),
    "each": (list[Annotated[str, Meta(max_length=9)]], "list of text", ["each at most 9 characters"]),
    "choice": (Literal["a", "b"], "one of a, b", []),
    "colour": (Colour, "one of red, blue", []),
    "map": (dict[str, int], "map of whole number", []),
    "pair": (tuple[int, str], "list of whole number, text", []),
    "moment": (Annotated[datetime, Meta(tz=True)], "time", ["with a time zone"]),
    "any": (Any, "anything", []),
    "object": (Inner, "object Inner", []),
}


def told(kind: Any, **said: Any) -> list[Field]:
    made = type("Made", (Struct,), {"__annotations__": {"it": kind}, **said})
    return fields(made)


@pytest.mark.parametrize("name", CASES)
def test_a_kind_of_field_in_words(name: str) -> None:
    kind, words, limits = CASES[name]
    found = told(kind)[0]
    assert found.type == words
    assert found.limits[: len(limits)] == limits


def test_what_is_inside_stands_behind_with_its_path() -> None:
    assert [each.path for each in told(list[Inner])] == ["it", "it[].size"]
    assert [each.path for each in told(dict[str, Inner])] == ["it", "it.*.size"]
    assert [each.path for each in told(Inner | None)] == ["it", "it.size"]


def test_one_that_holds_itself_ends() -> None:
    assert [each.path for each in fields(Tree)] == ["leaves", "name"]
    assert DEEPEST > 1
    many = type("Many", (Struct,), {"__annotations__": {f"f{number}": int for number in range(MOST + 50)}})
    assert len(fields(many)) == MOST


def test_a_secret_hides_its_default_its_example_and_all_that_is_in_it() -> None:
    (mail,) = told(Annotated[Email | None, Meta(examples=["ada@example.com"])], it="grace@example.com")
    assert (mail.secret, mail.default, mail.example, mail.required) == (True, None, None, False)
    hidden = told(Annotated[Inner, Meta(extra={"secret": True})])
    assert [each.secret for each in hidden] == [True, True]


def test_a_default_that_is_made_is_no_default_to_show() -> None:
    (one,) = told(list[int], it=field(default_factory=list))
    assert (one.required, one.default) == (False, None)
