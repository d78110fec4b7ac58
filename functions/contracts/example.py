"""An example of a contract, made of its fields' own examples."""

from __future__ import annotations

from typing import Any

import msgspec

from functions.contracts.contract import Command
from functions.contracts.path import body_of
from functions.contracts.webhooks import ReceiveWebhook


def example(contract: type[Command]) -> Any:
    """A body that fits the contract, made of its fields' examples."""
    if issubclass(contract, ReceiveWebhook):
        return {"id": "evt_1", "type": "invoice.paid"}
    whole = msgspec.json.schema(body_of(contract))
    return _example(whole, whole["$defs"])


def _example(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            return {name: _example(schema["properties"][name], definitions) for name in schema.get("required", ())}
        case "array":
            return [_example(schema["items"], definitions)]
    raise ValueError(f"Give the field an example, so that the document can show one: {schema}")
