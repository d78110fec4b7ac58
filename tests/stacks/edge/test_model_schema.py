"""Contracts as API Gateway's models: draft 4, nothing lost on the way."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
import pytest
from jsonschema import Draft4Validator, ValidationError
from msgspec import Meta, Struct

from functions.contracts.contract import Command
from functions.contracts.example import example
from stacks.edge.model_schema import draft4
from tests.sample.contracts import OpenTicket
from tests.sample.topology import SAMPLE


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    share: Annotated[float, Meta(gt=0, lt=1)]


class Wide(Command, frozen=True, kw_only=True):
    """Everything that a contract may say."""

    kind: Literal["only"]
    part: Part
    maybe: Part | None = None
    numbers: Annotated[tuple[int, ...], Meta(max_length=2)] = ()
    named: dict[str, Part] = {}  # noqa: RUF012 - msgspec copies it


class Nested(Command, frozen=True, kw_only=True):
    inner: Nested | None = None


class Optional(Command, frozen=True, kw_only=True):
    note: str = ""


@pytest.mark.parametrize("contract", [route.accepts for route in SAMPLE.routes])
def test_every_contract_of_a_route_is_a_valid_draft_4_schema(contract: type[Command]) -> None:
    schema = draft4(contract)
    Draft4Validator.check_schema(schema)
    assert "$ref" not in str(schema)
    assert "$defs" not in schema


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"kind": "only", "part": {"share": 0.5}}, True),
        (
            {"kind": "only", "part": {"share": 0.5}, "maybe": None, "numbers": [1, 2], "named": {"a": {"share": 0.1}}},
            True,
        ),
        ({"kind": "other", "part": {"share": 0.5}}, False),
        ({"kind": "only", "part": {"share": 0}}, False),
        ({"kind": "only", "part": {"share": 1}}, False),
        ({"kind": "only", "part": {"share": 0.5, "more": 1}}, False),
        ({"kind": "only", "part": {"share": 0.5}, "numbers": [1, 2, 3]}, False),
        ({"kind": "only", "part": {"share": 0.5}, "named": {"a": 1}}, False),
        ({"kind": "only", "part": {"share": 0.5}, "more": 1}, False),
        ({"kind": "only"}, False),
    ],
)
def test_a_model_refuses_what_its_contract_refuses(value: Any, fits: bool) -> None:
    assert Draft4Validator(draft4(Wide)).is_valid(value) == fits


def test_unknown_fields_are_refused_on_every_level() -> None:
    schema = draft4(OpenTicket)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["wanted"]["items"]["additionalProperties"] is False


def test_a_contract_that_contains_itself_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="Nested contains itself"):
        draft4(Nested)


def test_a_contract_without_required_fields_still_refuses_an_empty_body() -> None:
    # API Gateway reads a missing body as {}.
    assert not Draft4Validator(draft4(Optional)).is_valid({})


@pytest.mark.parametrize("field", ["ticket_id", "email", "language"])
def test_a_line_break_at_the_end_fits_no_pattern(field: str) -> None:
    ticket: dict[str, Any] = example(OpenTicket)
    for check in (Draft4Validator(draft4(OpenTicket)).validate, partial(msgspec.convert, type=OpenTicket)):
        check(ticket)
        with pytest.raises((ValidationError, msgspec.ValidationError)):
            check(ticket | {field: ticket[field] + "\n"})
