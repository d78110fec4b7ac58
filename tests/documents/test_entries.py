"""Every entry of the map is on its page, with every field, its type, its default and what it is for."""

from __future__ import annotations

import dataclasses
import inspect
import re
from dataclasses import KW_ONLY, dataclass
from typing import Any

import pytest

from documents.entries import ENTRIES, draw
from documents.fields import fields
from stacks import entry
from stacks.lanes import Place


def test_every_entry_has_a_section() -> None:
    titles = re.findall(r"^## (\w+)$", draw(), re.MULTILINE)
    kinds = {
        name
        for name, each in inspect.getmembers(entry, dataclasses.is_dataclass)
        if each.__module__.removeprefix("stacks.")
        in ("entry", "lanes", "limits", "plans", "route", "schedule", "status", "workflow")
        and each is not Place  # the topology's own
    }
    assert set(titles) == kinds
    assert len(titles) == len(kinds)


@pytest.mark.parametrize("kind", ENTRIES, ids=lambda kind: kind.__name__)
def test_every_field_is_there_as_it_is_written_with_what_it_is_for(kind: Any) -> None:
    section = draw().split(f"\n## {kind.__name__}\n")[1].split("\n## ")[0]
    lines = dict(re.findall(r"^- `(\w+): .+?`: (.+)$", section, re.MULTILINE))
    assert list(lines) == [field.name for field in dataclasses.fields(kind)]
    assert all(len(text) > 1 for text in lines.values())


def test_a_default_stands_as_one_would_write_it() -> None:
    page = draw()
    assert "- `batch: int = 10`: Messages a batch, at the most." in page
    assert "- `filter: Mapping[str, Any] = {}`: " in page
    assert "- `retention: int = 4 * DAY`: " in page
    assert "- `event: type[Event]`: " in page


@dataclass
class Silent:
    """A field of it says nothing."""

    said: int
    """Something."""
    _: KW_ONLY
    unsaid: int = 1


def test_a_field_that_says_nothing_of_itself_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^Silent.unsaid says nothing; write a text below it.$"):
        list(fields(Silent))
