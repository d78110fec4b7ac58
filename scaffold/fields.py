"""What an event says: the field that is worth noting, and an example of the whole."""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.inspect import IntType, LiteralType, Metadata, StrType, type_info
from msgspec.structs import FieldInfo

from functions.contracts.contract import Event
from scaffold.errors import Refused

PLAIN = {StrType: "str", IntType: "int", LiteralType: "str"}
"""The types whose values go into a table's item as they are, each as it is written."""


@dataclass(frozen=True)
class Field:
    """A field of an event, and its type as another contract writes it: imported from `module`, or built in."""

    name: str
    type: str
    module: str | None


def telling(event: type[Event]) -> Field | None:
    """The field that says best what the event is about: its business key, or its first plain field."""
    plain = {field.name: _type(field) for field in msgspec.structs.fields(event) if field.required}
    names = [name for name, written in plain.items() if written]
    if not names:
        return None
    name = event.business_key if event.business_key in names else names[0]
    alias = _alias(event, name)
    return Field(name, *alias) if alias else Field(name, plain[name] or "str", None)


def _type(field: FieldInfo) -> str | None:
    info = type_info(field.type)
    secret = False
    while isinstance(info, Metadata):
        secret = secret or bool((info.extra or {}).get("secret"))
        info = info.type
    return None if secret else PLAIN.get(type(info))


def _alias(event: type[Event], name: str) -> tuple[str, str] | None:
    """The alias that the field's type is written as, and the module that defines it."""
    for owner in event.__mro__:
        written = inspect.get_annotations(owner).get(name)
        if not isinstance(written, str) or not written.isidentifier():
            continue
        module = _home(written, owner.__module__)
        return (written, module) if module else None
    return None


def _home(alias: str, module: str) -> str | None:
    """The module that defines the alias which `module` uses; None for what is built in."""
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == alias for to in node.targets):
            return module
        if isinstance(node, ast.ImportFrom) and node.module and any(name.name == alias for name in node.names):
            return _home(alias, node.module) if node.module.startswith("functions.") else None
    return None


def example(event: type[Event]) -> dict[str, Any]:
    """The event's required fields with examples of theirs. Raises `Refused` where one cannot be made up."""
    whole = msgspec.json.schema(event)
    try:
        value = _example(whole, whole["$defs"])
        msgspec.json.decode(msgspec.json.encode(value), type=event)
    except (ValueError, msgspec.ValidationError) as wrong:
        raise Refused(
            f"--on {event.__name__}: the test needs an example of it, and none could be made up ({wrong}); "
            "give its fields examples in their contract."
        ) from wrong
    return dict(value)


def _example(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for word in ("examples", "enum", "anyOf"):
        if word in schema:
            first = schema[word][0]
            return _example(first, definitions) if word == "anyOf" else first
    match schema.get("type"):
        case "object":
            return {name: _example(schema["properties"][name], definitions) for name in schema.get("required", ())}
        case "array":
            return [_example(schema["items"], definitions)] if schema.get("minItems") else []
        case "string":
            return "some words"[: schema.get("maxLength")]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    return {}
