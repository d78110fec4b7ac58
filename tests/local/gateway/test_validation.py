"""What the validator does with bodies that are hard to compare, and how it names a place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft4Validator

from local.gateway.errors import Refusal
from local.gateway.validation import LONGEST, check_body

HARD = [pytest.param(text, id=text[:6]) for text in ("1e999", "-1e999", "9" * 4_000)]


def refused(body: str, **schema: Any) -> Refusal:
    """The refusal of the body by that model."""
    with pytest.raises(Refusal) as caught:
        check_body(body, Draft4Validator(schema))
    return caught.value


@pytest.mark.parametrize("number", HARD)
@pytest.mark.parametrize("rule", [{"multipleOf": 0.1}, {"multipleOf": 0.01, "maximum": 5}])
def test_a_number_that_cannot_be_compared_is_refused(number: str, rule: dict[str, Any]) -> None:
    refusal = refused(f'{{"a":{number}}}', properties={"a": rule})
    assert (refusal.kind, len(refusal.detail) < 300) == ("BAD_REQUEST_BODY", True)


@pytest.mark.parametrize("number", HARD)
def test_and_taken_where_nothing_compares_it(number: str) -> None:
    check_body(f'{{"a":{number}}}', Draft4Validator({"properties": {"a": {"type": "number"}}}))


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("a\nb", "a\\nb"),
        ("\r", "\\r"),
        ("\x1b[2J", "\\u001b[2J"),
        ("\u2028", "\\u2028"),
        ("\x9b", "\\u009b"),
        ("k", "k"),
    ],
)
def test_a_place_is_written_so_that_it_breaks_no_line(key: str, written: str) -> None:
    detail = refused(json.dumps({key: 1}), additionalProperties={"type": "string"}).detail
    assert detail == f'[#/{written} breaks type: "string"]'


def test_a_long_place_is_cut() -> None:
    detail = refused(f'{{"{"k" * 100_000}":1}}', additionalProperties={"type": "string"}).detail
    assert len(detail) < 2 * LONGEST
