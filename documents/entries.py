"""docs/topology.md: every entry of the map and every field of it, as its class describes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from documents.fields import about, fields
from documents.page import Pages
from stacks.entry import (
    Access,
    Consumer,
    Grant,
    Integration,
    Lane,
    Lanes,
    Limit,
    Plan,
    Queue,
    Range,
    Route,
    Schedule,
    Status,
    Step,
    Subscription,
    Table,
    Topology,
    Workflow,
)

HEAD = """\
# The map

What `stacks/topology.py` is made of. Everything in it is checked when it is read: an entry that makes no sense is one
sentence that names it and says what to do. Events and commands are classes of `functions/contracts/`. This page is
generated from `stacks/entry.py` and what it imports by `python -m documents`.
"""
ENTRIES = (
    *(Topology, Integration, Route, Queue, Lanes, Lane, Range, Consumer, Limit, Plan, Access, Grant, Subscription),
    *(Schedule, Workflow, Step, Table, Status),
)


def draw() -> str:
    """The page: one section an entry."""
    return "\n".join([HEAD, *("\n".join(_section(entry)) for entry in ENTRIES)])


def _section(entry: type[Any]) -> Iterator[str]:
    yield from (f"## {entry.__name__}", "", about(entry), "")
    for field in fields(entry):
        written = f"{field.name}: {field.annotation}" + ("" if field.default is None else f" = {field.default}")
        yield f"- `{written}`: {field.text}"
    yield ""


def pages(_topology: Topology, root: Path) -> Pages:
    """The page, which is the same whatever the topology holds."""
    return {root / "docs" / "topology.md": draw()}
