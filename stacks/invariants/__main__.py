"""`python -m stacks.invariants` writes docs/invariants.md; with `--check` it only says whether it is out of date."""

from __future__ import annotations

import sys

from stacks import page
from stacks.invariants.rules import RULES

PATH = page.ROOT / "docs" / "invariants.md"
HEAD = """\
# Invariants

These rules hold in every template, also for integrations that you add: a template that breaks one fails `cdk synth`,
`cdk deploy` and the tests, and says which resource, what it has and what to do. This page is generated from the rules
in `stacks/invariants/` by `python -m stacks.invariants`.
"""


def draw() -> str:
    """The page: one section a rule."""
    sections = (f"## {rule.id}\n\n{rule.sentence}\n\nFix: {rule.fix}\n\nSource: <{rule.source}>\n" for rule in RULES)
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    sys.exit(page.write({PATH: draw()}, check="--check" in sys.argv))
