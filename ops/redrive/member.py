"""What of a body is there or not: items of a list, and objects and lists that need not be; how they come and go.

What comes is made from the contract's schema, with the least that it asks for and values that are empty.
https://json-schema.org/draft/2020-12/json-schema-core#name-keywords-for-applying-subsch
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Path = tuple[str | int, ...]
Verb = Literal["add", "remove", "up", "down"]
VERBS: tuple[Verb, ...] = get_args(Verb)
DEEPEST = 12
"""Objects inside objects that are made; a contract that asks for more of them asks for no end."""


@dataclass(frozen=True)
class Member:
    """An object, a list or an item, and what can be done with it; with no `verbs` it is edited as text only.

    `name` is its place in the body as a JSON pointer, `at` how many fields of the form stand before it, `item` whether
    its last step is a number, and `blank` what is added.
    """

    name: str
    label: str
    verbs: tuple[Verb, ...]
    path: Path
    blank: Any = None
    item: bool = False
    at: int = field(default=0, compare=False)


def pointer(path: Path) -> str:
    """https://www.rfc-editor.org/rfc/rfc6901"""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def resolved(schema: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """What the schema refers to, and whether null does as well; other unions stay what they are."""
    options = schema.get("anyOf", ())
    some = [each for each in options if each.get("type") != "null"]
    nullable = len(some) == 1 and len(options) == 2
    schema = {**some[0], **{name: schema[name] for name in schema if name != "anyOf"}} if nullable else schema
    if "$ref" in schema:
        return resolved(known[schema["$ref"].removeprefix("#/$defs/")], known)[0], nullable
    return schema, nullable


def blank(schema: Mapping[str, Any], known: Mapping[str, Any], depth: int = 0) -> Any:
    """The least that the schema lets be there, empty: only what is required, the first choice, the least number."""
    schema, nullable = resolved(schema, known)
    if nullable or depth > DEEPEST:
        return None
    if "enum" in schema or "const" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    match schema.get("type"):
        case "object":
            needed = schema.get("required", ())
            asked = {name: each for name, each in schema.get("properties", {}).items() if name in needed}
            return {name: blank(each, known, depth + 1) for name, each in asked.items()}
        case "array":
            least = min(schema.get("minItems", 0), 1)
            return [
                blank(schema["items"], known, depth + 1) for _ in range(least) if isinstance(schema.get("items"), dict)
            ]
        case "string":
            return ""
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
    options = schema.get("anyOf", ())
    return blank(options[0], known, depth + 1) if options else None


def change(body: Any, member: Member, verb: Verb) -> None:
    """Does that with a member of the body, which is there, or is to be."""
    *way, last = member.path
    for step in way:
        body = body[step]
    match verb:
        case "add" if isinstance(body, dict) and not isinstance(body.get(last), list):
            body[last] = member.blank
        case "add":
            body[last].append(member.blank)
        case "remove":
            del body[last]
        case "up" | "down":
            other = last + (1 if verb == "down" else -1)  # type: ignore[operator]  # an item is at a number
            body[last], body[other] = body[other], body[last]
