"""The JSON Schema of every event, in docs/events/, and the rule that an event changes only so that nobody breaks.

A change that breaks those who read the event is refused: subscribers that know the schema which is there already, and
archived events that are replayed to those who know the new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from documents.page import Pages
from stacks.entry import Topology
from stacks.events import Schema, detail, schema_file

# What explains a field and binds nobody.
WORDS = {"title", "description", "examples", "default"}


class BrokenError(ValueError):
    """A change of an event breaks those who read it; the message says how."""


def schemas(topology: Topology) -> dict[str, str]:
    """The file of each event that the topology publishes, with its content."""
    return {
        schema_file(event): json.dumps(detail(event), indent=2, ensure_ascii=False) + "\n"
        for event in sorted(topology.events, key=lambda event: event.__name__)
    }


def breaks(before: Schema, after: Schema) -> list[str]:
    """What of the change from `before` to `after` breaks a reader, one sentence each; a new optional field does not."""
    return list(_object("", before, before, after, after))


def _object(path: str, before: Schema, old: Schema, after: Schema, new: Schema) -> Iterator[str]:
    """`old` and `new` are object schemas at `path`, in the documents `before` and `after`."""
    if new.get("additionalProperties") is False:
        yield f"{path or 'the event'} refuses unknown fields, so that no field can ever be added; leave it open"
    fields, now = old.get("properties", {}), new.get("properties", {})
    for name in fields:
        if name not in now:
            yield f"{path}{name} was removed"
        else:
            yield from _field(f"{path}{name}", before, fields[name], after, now[name])
    required, requires = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(requires - required):
        yield f"{path}{name} is required now, and events in the archive lack it"
    for name in sorted(required - requires & set(now)):
        yield f"{path}{name} may be absent now, and subscribers rely on it"


def _field(path: str, before: Schema, old: Schema, after: Schema, new: Schema) -> Iterator[str]:
    old, new = _resolved(before, old), _resolved(after, new)
    if "properties" in old and "properties" in new:
        yield from _object(f"{path}.", before, old, after, new)
    elif "items" in old and "items" in new:
        yield from _field(f"{path}[]", before, old["items"], after, new["items"])
        if _bounds(old, "items") != _bounds(new, "items"):
            yield f"{path} has other bounds"
    elif _bounds(old) != _bounds(new):
        yield f"{path} has another type or other bounds"


def _resolved(document: Schema, schema: Schema) -> Schema:
    reference = schema.get("$ref")
    found: Schema = document["$defs"][reference.rpartition("/")[2]] if reference else schema
    return found


def _bounds(schema: Schema, *besides: str) -> Schema:
    return {name: value for name, value in schema.items() if name not in WORDS and name not in besides}


def pages(topology: Topology, root: Path) -> Pages:
    """The schema of every event; none of one that nobody publishes any more.

    Raises `BrokenError` for a change that breaks those who read the event.
    """
    folder = root / "docs" / "events"
    made = {folder / name: content for name, content in schemas(topology).items()}
    broken = [
        f"{path.name}: {sentence}."
        for path, content in made.items()
        if path.exists()
        for sentence in breaks(json.loads(path.read_text()), json.loads(content))
    ]
    if broken:
        raise BrokenError(
            "\n".join(broken) + "\nReaders would break. Keep the event and publish a new class beside it with a higher "
            "version until every subscriber has moved."
        )
    return dict.fromkeys(folder.glob("*.json")) | made
