"""`python -m stacks.runbook` writes docs/alarms.md; with `--check` it only says whether it is out of date."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from stacks import page, settings
from stacks.alarms import KINDS, Alarm, alarms
from stacks.topology import TOPOLOGY

PATH = page.ROOT / "docs" / "alarms.md"
HEAD = """\
# Alarms

What each alarm means and what to do. An alarm is called `headrace-<stage>-<what>-<kind>`; its description holds
the same words and links to its section here. Thresholds are settings of the stage (`alarms` in `cdk.json`); a stage
without that setting has no alarms. This page is generated from `stacks/alarms.py` by `python -m stacks.runbook`.
"""


def draw() -> str:
    """The page: one section a kind, with what it watches and when it goes off in every stage that has alarms."""
    stages = json.loads((page.ROOT / "cdk.json").read_text())["context"]["stages"]
    known = {stage: alarms(TOPOLOGY, settings.read(stage, stages)) for stage in stages}
    sections = []
    for kind in KINDS:
        lines = [f"## {kind.name}", "", kind.means, "", f"What to do: {kind.do}", ""]
        lines += [
            line for stage, found in known.items() for line in _lines(stage, [a for a in found if a.kind is kind])
        ]
        sections.append("\n".join([*lines, ""]))
    return "\n".join([HEAD, *sections])


def _lines(stage: str, found: list[Alarm]) -> Iterator[str]:
    for when in dict.fromkeys(map(_when, found)):
        subjects = ", ".join(alarm.subject for alarm in found if _when(alarm) == when)
        yield f"- {stage}: {when} ({subjects})"


def _when(alarm: Alarm) -> str:
    minutes = "in one minute" if alarm.periods == 1 else f"in {alarm.datapoints} of {alarm.periods} minutes"
    return f"more than {alarm.threshold:g} {alarm.unit} {minutes}"


if __name__ == "__main__":
    sys.exit(page.write({PATH: draw()}, check="--check" in sys.argv))
