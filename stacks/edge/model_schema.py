"""A contract as the JSON Schema that an API Gateway model takes: draft 4.

msgspec writes JSON Schema 2020-12. The differences that a contract can meet are settled here; a keyword that draft 4
does not have raises an error rather than being dropped, because a rule that is not checked is worse than none.
https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
https://datatracker.ietf.org/doc/html/draft-fge-json-schema-validation-00
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from functions.contracts.contract import Command
from functions.contracts.path import body_of
from functions.contracts.webhooks import ReceiveWebhook

DRAFT = "http://json-schema.org/draft-04/schema#"
_KEPT = frozenset(
    {
        *(
            "title",
            "type",
            "enum",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "anyOf",
            "allOf",
            "oneOf",
        ),
        *(
            "minimum",
            "maximum",
            "multipleOf",
            "minLength",
            "maxLength",
            "pattern",
            "minItems",
            "maxItems",
            "uniqueItems",
        ),
        *("minProperties", "maxProperties"),
    }
)
_DROPPED = frozenset({"examples", "default", "description", "contentEncoding", "format"})


def draft4(contract: type[Command]) -> dict[str, Any]:
    """The schema of the contract's body, without references.

    API Gateway takes an absent body for `{}`, so an object without required fields must at least not be empty. Raises
    `ValueError` for a keyword that draft 4 does not have or a contract that contains itself.
    """
    if issubclass(contract, ReceiveWebhook):
        return {"$schema": DRAFT, "title": contract.__name__, "type": "object", "minProperties": 1}
    document = msgspec.json.schema(body_of(contract))
    schema = _converted(document, document.get("$defs", {}), ())
    if not schema.get("required"):
        schema["minProperties"] = 1
    return {"$schema": DRAFT, **schema}


def _converted(schema: dict[str, Any], definitions: dict[str, Any], inside: tuple[str, ...]) -> dict[str, Any]:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name in inside:
            raise ValueError(f"Contract {name} contains itself, which a model of API Gateway cannot say.")
        return _converted(definitions[name], definitions, (*inside, name))

    def convert(value: Any) -> Any:
        return _converted(value, definitions, inside) if isinstance(value, dict) else value

    converted: dict[str, Any] = {}
    for keyword, value in schema.items():
        match keyword:
            case "properties":
                converted[keyword] = {name: convert(field) for name, field in value.items()}
            case "items" | "additionalProperties":
                converted[keyword] = convert(value)
            case "anyOf" | "allOf" | "oneOf":
                converted[keyword] = [convert(choice) for choice in value]
            case "const":
                converted["enum"] = [value]
            case "exclusiveMinimum" | "exclusiveMaximum":
                bound = keyword.removeprefix("exclusive").lower()
                converted |= {bound: value, keyword: True}
            case "required" if not value:
                pass  # draft 4 wants at least one name
            case _ if keyword in _KEPT:
                converted[keyword] = value
            case _ if keyword not in _DROPPED and keyword != "$defs":
                raise ValueError(f"A model of API Gateway cannot say {keyword!r}: {inspect.cleandoc(str(schema))}")
    return converted
