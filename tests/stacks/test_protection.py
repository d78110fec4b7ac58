"""What a stage protects is what it has, and only what was named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stacks import names, protection
from stacks.settings import SettingsError
from tests.sample.topology import SAMPLE
from tests.stacks.templates import Templates, settings_of


def test_protecting_all_is_refused_with_the_words_of_all_that_there_is(prod: Templates) -> None:
    with pytest.raises(SettingsError, match="name what is deployed already") as wrong:
        protection.check(settings_of("prod", protect=True), SAMPLE)
    said = json.loads(str(wrong.value).partition('"protect": ')[2].rstrip("."))
    assert set(said["stacks"]) == set(prod.stacks)
    tables = {table["TableName"] for table in prod.properties("AWS::DynamoDB::Table")}
    assert {names.resource("prod", name) for name in said["tables"]} == tables
    protection.check(settings_of("prod", protect=said), SAMPLE)


@pytest.mark.parametrize(
    ("protect", "said"),
    [({"stacks": ["ticket"]}, "the stack 'ticket'"), ({"tables": ["shared"]}, "the table 'shared'")],
)
def test_protecting_what_is_not_there_is_refused(protect: dict[str, list[str]], said: str) -> None:
    with pytest.raises(SettingsError, match=f"protect names {said}, which the stage has not"):
        protection.check(settings_of("dev", protect=protect), SAMPLE)


@pytest.mark.parametrize(("changes", "word"), [({"customer_key": True}, "encryption"), ({"alarms": None}, None)])
def test_the_stacks_that_can_be_protected_are_those_of_the_stage(changes: dict[str, Any], word: str | None) -> None:
    with pytest.raises(SettingsError) as wrong:
        protection.check(settings_of("prod", protect=True, **changes), SAMPLE)
    assert (word is None) == ("observability" not in str(wrong.value))
    assert ("encryption" in str(wrong.value)) == (word == "encryption")
