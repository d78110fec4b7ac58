"""A body as a form: its values as fields, each as the contract of its queue has it.

What the map says feeds the queue says which contract that is. Fields are the contract's texts, numbers and truths, also
those inside objects and lists that are there; items, and objects and lists that need not be there, come and go. What is
of several types or of any, a form cannot ask for, and is edited as text. Of a body that a form changes only what was
changed is another: numbers stay as they were written.
https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from functions.contracts.contract import Command, Event
from functions.contracts.path import body_of
from functions.contracts.webhooks import ReceiveWebhook
from ops.errors import UsageError
from ops.queue import Queue
from ops.redrive.edit import decode, encode
from ops.redrive.member import Member, Path, Verb, blank, change, pointer, resolved
from ops.sqs.message import UNREADABLE
from ops.stage import Stage
from stacks import feeds

DETAIL = ("detail", "data")
"""Where an event's own data is in what EventBridge delivers."""
TYPE = "detail-type"
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
"""https://www.rfc-editor.org/rfc/rfc8259#section-6"""
MOST = 200
"""Fields of a form."""


@dataclass(frozen=True)
class Field:
    """A field; `name` is its place in the body as a JSON pointer, `value` what stands there, None for nothing."""

    name: str
    label: str
    kind: Literal["text", "number", "truth", "choice"]
    value: str | None
    required: bool
    hint: str
    choices: tuple[str, ...] = ()
    path: Path = ()

    @property
    def item(self) -> Path:
        """The item of a list in which it stands, the innermost; empty where it stands in none."""
        return next(
            (self.path[:end] for end in range(len(self.path), 0, -1) if isinstance(self.path[end - 1], int)), ()
        )


@dataclass(frozen=True)
class Form:
    """The form of one body, of the contract of that name."""

    contract: str
    fields: list[Field]
    members: tuple[Member, ...] = ()
    """What can be added and removed, and what a form cannot ask for."""


def form(stage: Stage, queue: Queue, text: str) -> Form | None:
    """The form of that body of a message of the queue; None where no contract says one, or it is no JSON object."""
    try:
        body = decode(text)
    except UNREADABLE:
        return None
    found = _contract(stage, queue, body) if isinstance(body, dict) else None
    return _form(*found, body) if found is not None else None


def form_of(contract: type, text: str) -> Form | None:
    """The form of a body of that contract; None where it is no JSON object, or a form cannot ask for it."""
    try:
        return _form(contract, (), decode(text))
    except UNREADABLE:
        return None


def _form(contract: type, inside: tuple[str, ...], body: Any) -> Form | None:
    schema = msgspec.json.schema(contract)
    value: Any = body
    for step in inside:
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        return None
    fields, members = list[Field](), list[Member]()
    for each in _fields(schema, schema.get("$defs", {}), value, inside, "", required=True):
        if isinstance(each, Member):
            members.append(replace(each, at=len(fields)))
        else:
            fields.append(each)
        if max(len(fields), len(members)) > MOST:
            return None
    return Form(contract.__name__, fields, tuple(members)) if fields else None


def single(name: str, label: str, schema: dict[str, Any], value: str | None, *, required: bool) -> Field:
    """The field of one value that stands by itself, such as a header."""
    kind, choices = _single(schema, ...) or ("text", ())
    return Field(name, label, kind, value, required, _hint(schema), choices)


def filled(stage: Stage, queue: Queue, text: str, said: Mapping[str, str]) -> str:
    """The body with what was said in the form, by the names of its fields; the text itself where nothing differs.

    Raises `UsageError` for what a field cannot be.
    """
    return filled_in(form(stage, queue, text), text, said)


def filled_in(asked: Form | None, text: str, said: Mapping[str, str]) -> str:
    """The body whose form that is, likewise."""
    if asked is None:
        raise UsageError("There is no form of this body: edit it as text.")
    body = decode(text)
    changed = False
    for field in asked.fields:
        told = said.get(field.name)
        if told is None or told == (field.value or ""):
            continue
        if told == "" and field.value is None:
            continue
        _put(body, field.path, _value(field, told))
        changed = True
    return msgspec.json.format(encode(body), indent=2).decode() if changed else text


def grown(stage: Stage, queue: Queue, text: str, said: Mapping[str, str], verb: Verb, name: str) -> str:
    """The body with what was said in the form, and one member more, fewer or elsewhere: that of that name.

    Raises `UsageError` for what a field cannot be, and for what the form does not offer.
    """
    text = filled(stage, queue, text, said)
    asked = form(stage, queue, text)
    changed = grown_in(asked, text, verb, name)
    if form(stage, queue, changed) is None:
        raise UsageError(f"A form has {MOST} fields at the most, and at least one: go on in the text.")
    return changed


def grown_in(asked: Form | None, text: str, verb: Verb, name: str) -> str:
    """The body whose form that is, with that member changed, likewise."""
    members = asked.members if asked is not None else ()
    member = next((each for each in members if each.name == name and verb in each.verbs), None)
    if member is None:
        raise UsageError(
            f"There is nothing to {verb} at {name!r} of this body: it is another than the form was made of."
        )
    body = decode(text)
    change(body, member, verb)
    return msgspec.json.format(encode(body), indent=2).decode()


def _contract(stage: Stage, queue: Queue, body: dict[str, Any]) -> tuple[type, tuple[str, ...]] | None:
    """The contract that such a body of the queue has, and where in the body."""
    word = queue.word.removesuffix("-dlq").removesuffix("-undelivered")
    topology = stage.topology
    found = feeds.contracts(topology, word)
    event = next((each for each in found if issubclass(each, Event) and each.__name__ == body.get(TYPE)), None)
    if event is not None:
        return event, DETAIL
    commands = [each for each in found if issubclass(each, Command) and not issubclass(each, ReceiveWebhook)]
    bodies = [body_of(each) for each in commands]
    # Of several the one whose fields the body has most of.
    return max(((each, ()) for each in bodies), key=lambda each: _shared(each[0], body), default=None)


def _shared(contract: type, body: dict[str, Any]) -> int:
    return len({field.encode_name for field in msgspec.structs.fields(contract)} & body.keys())


def _fields(
    schema: Mapping[str, Any], known: dict[str, Any], value: Any, path: Path, label: str, *, required: bool
) -> Iterator[Field | Member]:
    described = schema
    schema, nullable = resolved(schema, known)
    if nullable and value is None:
        value = ...
    kind, name = schema.get("type"), pointer(path)
    there: tuple[Verb, ...] = () if required or not path else ("remove",)
    if kind == "object" and "properties" in schema:
        if value is ... and path:
            yield Member(name, label, ("add",), path, blank(schema, known))
        elif isinstance(value, dict):
            for key, inner in schema["properties"].items():
                needed = key in schema.get("required", ())
                below = f"{label} {key}".strip()
                yield from _fields(inner, known, value.get(key, ...), (*path, key), below, required=needed)
            if there:
                yield Member(name, label, there, path)
        else:
            yield Member(name, label, there, path)
        return
    if kind == "array" and isinstance(schema.get("items"), dict):
        yield from _items(schema, known, value, path, label, there)
        return
    found = _single(schema, value)
    if found is None and value is not ...:
        yield Member(name, label, (), path)
    if found is not None:
        told, choices = found
        text = None if value is ... else value if isinstance(value, str) else encode(value).decode()
        yield Field(name, label, told, text, required, _hint({**schema, **described}), choices, path)


def _items(
    schema: Mapping[str, Any], known: dict[str, Any], value: Any, path: Path, label: str, there: tuple[Verb, ...]
) -> Iterator[Field | Member]:
    name, inner = pointer(path), schema["items"]
    if value is ...:
        whole = blank(schema, known) or [blank(inner, known)]
        yield Member(name, label, ("add",), path, whole)
        return
    if not isinstance(value, list):
        yield Member(name, label, there, path)
        return
    for at, each in enumerate(value):
        yield from _fields(inner, known, each, (*path, at), f"{label} {at + 1}", required=True)
        ways: list[Verb] = ["up"] if at else []
        ways += ["down"] if at + 1 < len(value) else []
        yield Member(pointer((*path, at)), f"{label} {at + 1}", (*ways, "remove"), (*path, at), item=True)
    more: tuple[Verb, ...] = ("add",) if len(value) < schema.get("maxItems", MOST) else ()
    yield Member(name, label, (*more, *there), path, blank(inner, known) if more else None)


def _single(
    schema: Mapping[str, Any], value: Any
) -> tuple[Literal["text", "number", "truth", "choice"], tuple[str, ...]] | None:
    """What a field of one value asks for, and among what; None for what no field asks for."""
    if isinstance(value, dict | list) or value is None:
        return None
    choices = schema.get("enum", ())
    if choices and all(isinstance(each, str) for each in choices) and (value is ... or value in choices):
        return "choice", tuple(choices)
    match schema.get("type"):
        case "string" if "enum" not in schema:
            return "text", ()
        case "integer" | "number" if "enum" not in schema:
            return "number", ()
        case "boolean":
            return "truth", ()
    return None


def _hint(schema: Mapping[str, Any]) -> str:
    """What the contract says of it, in a line."""
    said = [str(schema["description"]).rstrip(".")] if "description" in schema else []
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        said.append(f"{least:,} to {most:,}")
    elif least is not None or most is not None:
        said.append(f"at least {least:,}" if least is not None else f"at most {most:,}")
    if "maxLength" in schema:
        said.append(f"at most {schema['maxLength']:,} characters")
    if schema.get("examples"):
        said.append(f"such as {schema['examples'][0]}")
    return ", ".join(said)


def _value(field: Field, told: str) -> Any:
    """What was said, as JSON has it."""
    if field.kind == "number":
        if NUMBER.fullmatch(told.strip()) is None:
            raise UsageError(f"{field.label} is {told!r}: give a number.")
        return decode(told.strip())
    if field.kind == "truth":
        if told not in ("true", "false"):
            raise UsageError(f"{field.label} is {told!r}: give true or false.")
        return told == "true"
    if field.kind == "choice" and told not in field.choices:
        raise UsageError(f"{field.label} is {told!r}: give one of {', '.join(field.choices)}.")
    return told


def _put(body: Any, path: Path, value: Any) -> None:
    for step in path[:-1]:
        body = body[step]
    body[path[-1]] = value
