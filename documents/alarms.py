"""docs/alarms.md: what each kind of alarm means, and when it goes off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from documents.page import Pages
from stacks import names, settings
from stacks.entry import Topology
from stacks.monitoring.alarm import Alarm
from stacks.monitoring.alarms import KINDS, alarms
from stacks.monitoring.metrics import MINUTE

HEAD = """\
# Alarms

What each alarm means and what to do. An alarm is called `<project>-<stage>-<what>-<kind>`; its description holds
the same words and links to its section here. Thresholds are settings of the stage (`alarms` in `cdk.json`); a stage
without that setting has no alarms. This page is generated from `stacks/monitoring/alarms.py` by `python -m documents`.
"""


def pages(topology: Topology, root: Path) -> Pages:
    """The page."""
    return {root / "docs" / "alarms.md": draw(topology)}


def draw(topology: Topology) -> str:
    """The page: one section a kind, with what it watches and when it goes off in every stage that has alarms."""
    stages = names.CONTEXT["stages"]
    known = {stage: alarms(topology, settings.read(stage, stages)) for stage in stages}
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
    of = "minutes" if alarm.period == MINUTE else f"times {alarm.period // MINUTE} minutes"
    minutes = "in one minute" if alarm.periods == 1 else f"in {alarm.datapoints} of {alarm.periods} {of}"
    return f"more than {alarm.threshold:g} {alarm.unit} {minutes}"
