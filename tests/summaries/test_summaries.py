"""Whatever changes in a template of the sample is a line that somebody reviews."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.stacks.templates import STAGES, Templates
from tests.summaries.summary import FOLDER, summaries


def test_the_templates_say_what_was_reviewed(request: pytest.FixtureRequest) -> None:
    told = summaries([request.getfixturevalue(stage) for stage in STAGES])
    reviewed = {path.stem: path.read_text() for path in FOLDER.glob("*.txt")}
    differ = [
        f"{word}: {line}"
        for word in sorted({*told, *reviewed})
        for line in _differing(reviewed.get(word, ""), told.get(word, ""))
    ]
    assert not differ, "templates changed; look at the lines, and if they are meant run `make fix`:\n" + "\n".join(
        differ[:40]
    )


def _differing(before: str, after: str) -> list[str]:
    if before == after:
        return []
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:3] not in ("---", "+++") and not line.startswith("@@")]


QUEUE: Mapping[str, Any] = {
    "Type": "AWS::SQS::Queue",
    "Properties": {"QueueName": "headrace-x-work", "VisibilityTimeout": 180, "Tags": [{"Key": "a", "Value": "b"}]},
    "DependsOn": ["PolicyABCDEF01"],
    "DeletionPolicy": "Delete",
}


def _told(prod: Mapping[str, Any], dev: Mapping[str, Any] = QUEUE) -> list[str]:
    """The lines of a queue that is one thing in prod and another in dev."""
    made = [
        Templates(Path(), stage, {"shared": {"Resources": {"Queue": queue}}})
        for stage, queue in (("dev", dev), ("prod", prod))
    ]
    return summaries(made)["shared"].splitlines()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"Properties": {**QUEUE["Properties"], "VisibilityTimeout": 181}}, "  VisibilityTimeout: 181   [prod]"),
        ({"Properties": {**QUEUE["Properties"], "FifoQueue": True}}, "  FifoQueue: true   [prod]"),
        ({"Properties": {**QUEUE["Properties"], "Tags": []}}, "    - {Key: a, Value: b}   [dev]"),
        ({"DependsOn": ["PolicyABCDEF01", "Other"]}, "    - Other   [prod]"),
        ({"DependsOn": []}, "    - Policy   [dev]"),
        ({"DeletionPolicy": "Retain"}, "  ^ DeletionPolicy: Retain   [prod]"),
    ],
)
def test_a_change_in_one_stage_is_a_line_that_names_the_stage(change: Mapping[str, Any], line: str) -> None:
    assert line not in _told(QUEUE)
    assert line in _told({**QUEUE, **change})


def test_what_is_the_same_in_all_stages_is_said_once() -> None:
    assert [line for line in _told(QUEUE) if "[" in line and "Tags" not in line and "DependsOn" not in line] == []


def _of_text(text: str) -> list[str]:
    return _told({**QUEUE, "Properties": {"Text": text}})


def test_what_is_bundled_is_no_line() -> None:
    assert _of_text(f"{'1' * 64}.zip") == _of_text(f"{'2' * 64}.zip")


def test_a_long_text_that_changes_in_its_middle_is_a_line() -> None:
    assert _of_text("x" * 300 + "a" + "x" * 300) != _of_text("x" * 300 + "b" + "x" * 300)
