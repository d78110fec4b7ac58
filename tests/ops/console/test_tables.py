"""Tables, as a small screen and a screen reader have them: each has a caption, and each cell its column's name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.console.page import HERE

TEMPLATES = sorted((HERE / "templates").glob("*.html"))
TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
HEAD = re.compile(r"<th\b[^>]*>.*?</th>", re.DOTALL)
UNNAMED = 1
"""Cells of a row without a name: what the row is about, which a list begins with."""
DRAWN = ("tick", "drawn", "gantt", "what depth", "colspan")
"""Cells that need no name: a box to tick, a picture, the place in a tree, and a sentence across all columns."""


@pytest.mark.parametrize(
    "template", [each for each in TEMPLATES if "<table" in each.read_text()], ids=lambda one: one.stem
)
def test_a_table_has_a_caption_names_its_columns_and_becomes_a_list(template: Path) -> None:
    for table in TABLE.findall(template.read_text(encoding="utf-8")):
        opening, _, rest = table.partition(">")
        assert re.search(r'class="[^"]*\b(rows|flow)\b', opening), opening
        assert rest.lstrip().startswith("<caption"), opening
        assert all('scope="col"' in each for each in HEAD.findall(table)), opening
        cells = re.findall(r"<td\b[^\n]*?>", table)
        bare = [each for each in cells if "data-label" not in each and not any(word in each for word in DRAWN)]
        assert len(bare) <= UNNAMED, bare
