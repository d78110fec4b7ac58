"""A route as a form: what stands in the path and in headers, and the body by its contract.

A body is there as a text too. Where both were changed, what the fields changed is put into the text.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from functions.contracts.path import body_of
from functions.contracts.webhooks import ReceiveWebhook
from ops.errors import UsageError
from ops.redrive.form import Form, filled_in, form_of, grown_in, single
from ops.redrive.member import Verb
from ops.send.caller import Header
from ops.send.request import Said, request
from ops.send.target import Target
from stacks.edge.mapping_template import KEY

ENDS = re.compile(r"^\^|\$(\(\?!\\n\))?$")
"""What of a pattern only says that the whole must match."""
LONGEST = 60
"""Characters of a pattern that is shown: a longer one tells a person nothing."""


def example(target: Target) -> str:
    """The body that a form begins with; empty where there is none."""
    return request(target, Said(dict.fromkeys(target.in_path, "x"))).body.decode()


def said_of(target: Target, said: Mapping[str, str] | None = None) -> Form:
    """What is said beside the body, by `path/…` and `header/…`; at first what may stand there, and a key of its own."""
    fields = []
    for each in target.parameters:
        name = f"{each['in']}/{each['name']}"
        value = said.get(name) if said is not None else _first(target, each)
        schema = {**each["schema"], "description": _words(each)}
        fields.append(single(name, each["name"], schema, value, required=each["required"]))
    return Form(target.name, fields)


def body_of_form(target: Target, text: str) -> Form | None:
    """The body's form by its contract; None where no contract says one, or the text is none of it."""
    if target.body is None or issubclass(target.body, ReceiveWebhook):
        return None
    return form_of(body_of(target.body), text)


def body(target: Target, text: str, was: str, said: Mapping[str, str]) -> str:
    """The text, with what the fields changed of the one that they were made from. Raises `UsageError`."""
    made = body_of_form(target, was)
    changed = {
        each.name: said[each.name]
        for each in (made.fields if made is not None else ())
        if each.name in said and said[each.name] != (each.value or "")
    }
    if not changed:
        return text
    there = body_of_form(target, text)
    if there is None or not changed.keys() <= {each.name for each in there.fields}:
        raise UsageError("The text has no place for what the fields say: undo one of them.")
    return filled_in(there, text, changed)


def grown(target: Target, text: str, verb: Verb, name: str) -> str:
    """The text with one member of its form more, fewer or elsewhere: that of that name. Raises `UsageError`."""
    return grown_in(body_of_form(target, text), text, verb, name)


def asked(target: Target, said: Mapping[str, str], text: str, headers: list[Header], credential: str | None) -> Said:
    """What the form says, to be sent; a header that is left blank is not."""
    path = {name: said.get(f"path/{name}", "") for name in target.in_path}
    known = [each["name"] for each in target.parameters if each["in"] == "header"]
    told = [(name, said[f"header/{name}"].strip()) for name in known if said.get(f"header/{name}", "").strip()]
    return Said(path, [*told, *headers], text.encode() if target.body is not None else None, credential)


def _first(target: Target, parameter: Mapping[str, Any]) -> str | None:
    if parameter["in"] == "path":
        return target.value(parameter["name"])
    is_needed = parameter["required"] and parameter["name"] == KEY
    return f"try-{secrets.token_hex(6)}" if is_needed else None


def _words(parameter: Mapping[str, Any]) -> str:
    """What is said of it, with the pattern that it must match."""
    pattern = parameter["schema"].get("pattern", "")
    words = str(parameter.get("description", "")).rstrip(".").replace("`", "")
    shown = f"matches {ENDS.sub('', pattern)}" if pattern and len(pattern) <= LONGEST else ""
    return "; ".join(each for each in (words, shown) if each)
