"""Running scenarios: a kind and a seed say everything of one."""

from __future__ import annotations

from functools import cache
from random import Random

from tests.simulation.auditor import Verdict
from tests.simulation.evidence import Evidence
from tests.simulation.kinds import Kind
from tests.simulation.sandbox import Sandboxes
from tests.simulation.scenario import Scenario

PACKAGE = "tests.sample"


@cache
def sandboxes() -> Sandboxes:
    """Those of this process."""
    return Sandboxes(PACKAGE)


def scenario(kind: Kind, seed: int, size: int | None = None) -> Scenario:
    """The scenario of that kind, seed and size, which is the kind's own if none is said."""
    return kind.make(Random(f"{kind.name} {seed}"), size or kind.size)


def run(kind: Kind, seed: int, *, size: int | None = None, within: Sandboxes | None = None) -> tuple[Evidence, Verdict]:
    """Run it and judge it."""
    one = scenario(kind, seed, size)
    evidence = one.run(f"{kind.name} {seed}", within or sandboxes())
    return evidence, one.judged(evidence)
