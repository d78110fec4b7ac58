"""The page that an alarm links to says what it means and when it goes off, stage by stage."""

from __future__ import annotations

import pytest

from documents.alarms import draw
from stacks import names
from stacks.entry import Topology
from stacks.monitoring.alarms import KINDS
from tests.sample.topology import SAMPLE
from tests.stacks.templates import STAGES


def test_every_kind_has_a_section_that_says_what_it_means_and_what_to_do() -> None:
    for topology in (SAMPLE, Topology()):
        page = draw(topology)
        for kind in KINDS:
            assert f"\n## {kind.name}\n\n{kind.means}\n\nWhat to do: {kind.do}\n" in page


def test_thresholds_stand_stage_by_stage_and_not_for_a_stage_without_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(names.CONTEXT, "stages", STAGES)
    section = draw(SAMPLE).partition("## oldest\n")[2].partition("\n## ")[0]
    queues = ", ".join(queue.name for queue in SAMPLE.queues)
    assert f"- dev: more than 900 s in 3 of 3 minutes ({queues})" in section
    assert f"- prod: more than 300 s in 3 of 3 minutes ({queues})" in section
    assert "- local" not in section
