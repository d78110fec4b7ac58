"""An example of a contract, made of its fields' own examples."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from functions.contracts.contract import Command, Event
from functions.contracts.path import body_of, path_field
from functions.contracts.webhooks import ReceiveWebhook

VALUE = "example-1"
"""What stands in a path for a value, and in a header for a key."""


def example(contract: type[Command] | type[Event], unknown: str | None = None) -> Any:
    """A body that fits the contract, made of its fields' examples; `unknown` stands where a field has none.

    Raises `ValueError` for such a field where nothing is to stand there.
    """
    if issubclass(contract, ReceiveWebhook):
        return {"id": "evt_1", "type": "invoice.paid"}
    whole = msgspec.json.schema(body_of(contract))
    return _example(whole, whole["$defs"], unknown)


def in_the_path(contract: type[Command]) -> str:
    """What may stand in the path of a request: the plain value, where the contract allows it, else its own example."""
    field = path_field(contract)
    if field is None or re.fullmatch(field.pattern, VALUE):
        return VALUE
    examples: list[str] = msgspec.json.schema(field.type).get("examples", [])
    return next(iter(examples), VALUE)


def _example(schema: dict[str, Any], definitions: dict[str, Any], unknown: str | None) -> Any:
    if "$ref" in schema:
        return _example(definitions[schema["$ref"].rpartition("/")[2]], definitions, unknown)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("anyOf"):
        return _example(schema["anyOf"][0], definitions, unknown)
    match schema.get("type"):
        case "object":
            given = {name: schema["properties"][name] for name in schema.get("required", ())}
            return {name: _example(each, definitions, unknown) for name, each in given.items()}
        case "array" if schema.get("items"):
            return [_example(schema["items"], definitions, unknown)]
    if unknown is not None:
        return unknown
    raise ValueError(f"Give the field an example, so that the document can show one: {schema}")
