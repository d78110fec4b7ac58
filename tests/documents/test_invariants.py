"""Every rule is on a page: what holds, what to do where it does not, and who says so."""

from __future__ import annotations

from documents.invariants import draw
from stacks.invariants.rules import RULES


def test_the_page_has_every_rule() -> None:
    page = draw()
    for rule in RULES:
        assert f"## {rule.id}\n\n{rule.sentence}\n\nFix: {rule.fix}\n\nSource: <{rule.source}>\n" in page
