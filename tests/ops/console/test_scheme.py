"""A scheme changes colours and nothing else, so axe-core's other rules need a page in one of the two only."""

from __future__ import annotations

import re

from ops.console.page import HERE

SHEET = (HERE / "static" / "console.css").read_text(encoding="utf-8")
SCHEME = re.compile(r"@media screen and \(prefers-color-scheme: \w+\) \{\s*:root \{(?P<roles>[^{}]*)\}\s*\}")
COLOUR = re.compile(r"#[0-9a-f]{6}|none")


def test_what_the_style_sheet_asks_of_the_scheme_is_the_colours_of_roles() -> None:
    (found,) = SCHEME.finditer(SHEET)
    for role in filter(str.strip, found["roles"].split(";")):
        name, _, value = role.strip().partition(": ")
        assert name.startswith("--")
        assert COLOUR.fullmatch(value), role


def test_nothing_else_asks_for_the_scheme() -> None:
    files = [*(HERE / "static").glob("console.*"), *(HERE / "templates").iterdir()]
    words = ("prefers-color-scheme", "light-dark(", "matchMedia")
    assert [path.name for path in files for word in words for _ in range(path.read_text().count(word))] == [
        "console.css"
    ]
