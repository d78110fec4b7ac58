"""Settings are decoded strictly: what is wrong is named in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.settings import SettingsError, read
from tests.stacks.templates import context

GOOD: dict[str, Any] = {"email_sender": "orders@example.com"}


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_every_stage_of_cdk_json_decodes(stage: str) -> None:
    assert read(stage, context(stage)["stages"]).stage == stage


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"retian": True}, "retian"),
        ({"log_days": 8}, "log_days"),
        ({"log_days": "30"}, "log_days"),
        ({"archive_days": 0}, "archive_days"),
        ({"retain": "yes"}, "retain"),
        ({"email_sender": "nobody"}, "email_sender"),
        ({"python": "3.9"}, "python"),
        ({"throttle_rate": -1}, "throttle_rate"),
        ({"authorization": "none"}, "authorization 'none' is for stage local only"),
        ({"python": "host"}, "python and architecture"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read("dev", {"dev": GOOD | wrong})
    sentence = str(refused.value)
    assert sentence.startswith("cdk.json, stage 'dev': ")
    assert named in sentence
    assert "\n" not in sentence


def test_a_missing_setting_without_a_default_is_named() -> None:
    with pytest.raises(SettingsError, match="email_sender"):
        read("dev", {"dev": {}})


def test_an_unknown_stage_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"no stage 'staging'.*dev, prod"):
        read("staging", {"prod": GOOD, "dev": GOOD})


@pytest.mark.parametrize("stage", ["Dev", "my-stage", "preproduction", "1a", ""])
def test_a_stage_whose_name_would_break_a_resource_name_is_refused(stage: str) -> None:
    with pytest.raises(SettingsError, match="a stage's name is"):
        read(stage, {stage: GOOD})
