"""docs/settings.md: every setting of a stage, what it takes and what it does, as `stacks/settings.py` says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from documents.fields import about, fields
from documents.page import Pages
from stacks.entry import Topology
from stacks.settings import Alarms, ApiKeys, Jwt, Protect, Settings, Vpc

HEAD = """\
# The settings of a stage

Every stage of `cdk.json` (`context`, `stages`) holds these; what it leaves out has its default. A wrong setting fails
the synthesis in one sentence. This page is generated from `stacks/settings.py` by `python -m documents`.
"""
GIVEN = "stage"
"""The stage's name, which is its key in cdk.json and no setting."""
Schema = dict[str, Any]


def draw() -> str:
    """The page: the settings, then each group of settings that has a section of its own."""
    schema = msgspec.json.schema(Settings)["$defs"]
    groups = (Settings, Protect, Jwt, ApiKeys, Alarms, Vpc)
    sections = ("\n".join(_section(group, schema[group.__name__])) for group in groups)
    return "\n".join([HEAD, *sections])


def _section(group: type[Any], schema: Schema) -> Iterator[str]:
    yield from (f"## {group.__name__}", "", about(group), "")
    for field in fields(group):
        if field.name != GIVEN:
            known = schema["properties"][field.name]
            yield f"- `{field.name}`: {takes(known)}; {_default(known)}. {field.text}"
    yield ""


def takes(schema: Schema) -> str:
    """What a setting may be, in words."""
    match schema:
        case {"$ref": str() as reference}:
            name = str(reference).rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": [*choices]}:
            return " or ".join(takes(choice) for choice in choices if choice != {"type": "null"})
        case {"enum": [*words]}:
            return "one of " + ", ".join(f"`{json.dumps(word)}`" for word in words)
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "array", "items": items}:
            return f"a list, each {takes(items)}"
        case {"type": "string", "pattern": pattern}:
            return f"text like `{pattern}`"
        case {"type": "string"}:
            return "text"
        case {"type": "integer" | "number" as kind}:
            return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
    raise ValueError(f"There are no words for {schema}; add them.")


def _bounds(schema: Schema) -> str:
    words = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below", "maximum": "to"}
    return "".join(f" {word} {schema[name]:g}" for name, word in words.items() if name in schema)


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return "it must be given"
    default = schema["default"]
    if "$ref" in schema:
        return "by default as it says there"
    return "by default nothing" if default in (None, (), []) else f"by default `{json.dumps(default)}`"


def pages(_topology: Topology, root: Path) -> Pages:
    """The page, which is the same in every project."""
    return {root / "docs" / "settings.md": draw()}
