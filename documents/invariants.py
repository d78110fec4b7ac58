"""docs/invariants.md: what must hold in every template, and what to do where it does not."""

from __future__ import annotations

from pathlib import Path

from documents.page import Pages
from stacks.entry import Topology
from stacks.invariants.rules import RULES

HEAD = """\
# Invariants

These rules hold in every template, also for integrations that you add: a template that breaks one fails `cdk synth`,
`cdk deploy` and the tests, and says which resource, what it has and what to do. This page is generated from the rules
in `stacks/invariants/` by `python -m documents`.
"""


def draw() -> str:
    """The page: one section a rule."""
    sections = (f"## {rule.id}\n\n{rule.sentence}\n\nFix: {rule.fix}\n\nSource: <{rule.source}>\n" for rule in RULES)
    return "\n".join([HEAD, *sections])


def pages(_topology: Topology, root: Path) -> Pages:
    """The page, which is the same whatever the topology holds."""
    return {root / "docs" / "invariants.md": draw()}
