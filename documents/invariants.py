"""docs/invariants.md: what must hold in every template, and what to do where it does not."""

from __future__ import annotations

from pathlib import Path

from documents.page import Pages
from stacks import names
from stacks.entry import Topology
from stacks.invariants.rules import RULES

HEAD = """\
# Invariants

These rules hold in every template, also for integrations that you add: a template that breaks one fails `cdk synth`,
`cdk deploy` and the tests, and says which resource, what it has and what to do. This page is generated from the rules
in `stacks/invariants/` by `python -m documents`.

Where a finding should stay, acknowledge it beside the resource that it is about, with the reason why; what is
acknowledged stands in [permissions.md](permissions.md), so a reviewer sees it:

```python
from aws_cdk import Acknowledgment, Validations

acknowledgment = Acknowledgment(id="{project}::resource-policy", reason="The site is public.")
Validations.of(bucket).acknowledge(acknowledgment)
```

An acknowledgment holds for the construct and all in it, so one on the stack would hide what comes later. Functions that
the CDK adds for itself (such as those that empty a bucket or set its notifications) make their own log groups: what
function-logs, log-group-remade and exact-actions say of them is acknowledged on `stack.node.find_child` of the name
that the report gives. A finding in a nested stack is acknowledged there.
"""


def draw() -> str:
    """The page: one section a rule."""
    sections = (f"## {rule.id}\n\n{rule.sentence}\n\nFix: {rule.fix}\n\nSource: <{rule.source}>\n" for rule in RULES)
    return "\n".join([HEAD.replace("{project}", names.PROJECT), *sections])


def pages(_topology: Topology, root: Path) -> Pages:
    """The page, which is the same whatever the topology holds."""
    return {root / "docs" / "invariants.md": draw()}
