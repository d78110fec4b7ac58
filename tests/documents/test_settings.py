"""Every setting of a stage is on its page, with what it takes, its default and what it does."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct

from documents.settings import GIVEN, draw, takes
from stacks.settings import Alarms, ApiKeys, Jwt, Settings, Vpc


def sections() -> dict[str, str]:
    """The page's sections by their titles."""
    return {section.partition("\n")[0]: section for section in draw().split("\n## ")[1:]}


@pytest.mark.parametrize("group", [Settings, Jwt, ApiKeys, Alarms, Vpc])
def test_every_setting_has_a_line_that_says_what_it_takes_and_what_it_does(group: type[Struct]) -> None:
    lines = dict(re.findall(r"^- `(\w+)`: (.+)$", sections()[group.__name__], re.MULTILINE))
    assert list(lines) == [field for field in group.__struct_fields__ if field != GIVEN]
    for line in lines.values():
        takes, default, text = re.fullmatch(r"(.+?); (by default .+?|it must be given)\. ([A-Z`].+[.])", line).groups()  # type: ignore[union-attr]
        assert takes
        assert default
        assert text


def test_a_setting_stands_with_its_bounds_and_its_default() -> None:
    settings = sections()["Settings"]
    assert "- `retain`: true or false; by default `false`. Tables, archive" in settings
    assert "- `archive_days`: a whole number from 1 to 3650; by default nothing. " in settings
    assert "- `throttle_rate`: a number above 0; by default `100.0`. " in settings
    assert "- `alarms`: [Alarms](#alarms); by default nothing. " in settings
    assert "- `email_sender`: text like " in settings
    assert "; it must be given. The address" in settings


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Annotated[int, Meta(ge=1, le=9)], "a whole number from 1 to 9"),
        (Annotated[float, Meta(gt=0, lt=1)], "a number above 0 below 1"),
        (tuple[str, ...], "a list, each text"),
        (bool | str, "true or false or text"),
        (str | None, "text"),
    ],
)
def test_what_a_setting_takes_is_said_in_words(annotation: Any, words: str) -> None:
    assert takes(msgspec.json.schema(annotation)) == words


def test_a_kind_of_setting_that_nobody_has_words_for_is_an_error() -> None:
    with pytest.raises(ValueError, match="There are no words for"):
        takes({"type": "object"})
