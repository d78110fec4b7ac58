"""The threat model is held by tests: each that docs/security.md names is there, and every actor has some."""

from __future__ import annotations

import re

import pytest

from stacks.names import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
MODEL = PAGE.partition("## Who can do what, at most\n")[2].partition("\n## ")[0]
ACTORS = dict(re.findall(r"^### (.+)\n((?:(?!### ).*\n?)*)", MODEL, re.MULTILINE))
TEST = re.compile(r"\[([^\]]+)\]\(\.\./(tests/[^)]+\.py)\)")


def test_every_actor_of_the_model_is_there() -> None:
    words = ("caller", "webhooks", "author", "function", "subscriber", "operator", "browser", "account", "packages")
    assert len(ACTORS) == len(words)
    assert all(word in name for word, name in zip(words, ACTORS, strict=True)), list(ACTORS)


@pytest.mark.parametrize("actor", ACTORS)
def test_what_an_actor_can_do_at_most_is_held_by_tests(actor: str) -> None:
    named = TEST.findall(ACTORS[actor])
    assert named
    for promise, path in named:
        assert f"def test_{promise.replace(' ', '_')}(" in (ROOT / path).read_text(), f"{path} has no: {promise}"
