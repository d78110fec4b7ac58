"""The judge of workflows is judged: each way of being neither whole nor undone is called by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from functions.contracts.plan import PLAN_COMMAND
from tests.sample.chained import chained
from tests.simulation import deployed
from tests.simulation.evidence import Evidence, Told, Write
from tests.simulation.test_deployed import STAGE, _same_environment, _same_permissions
from tests.simulation.workflow_auditor import audit
from tests.stacks.templates import synthesize


def evidence(van: str, part: str, item: str, *told: str, cause: str = "why") -> Evidence:
    """A visit whose things went through these states, of which these events were told, each under an id of its own."""
    history = [
        Write(1, "w", f"p-s-{table}", "t1", None, {"ticket_id": {"S": "t1"}, "state": {"S": state}})
        for table, states in (("vans", van), ("parts", part), ("plan_visit", item))
        for state in states.split()
    ]
    events = [
        Told(1, kind, {"id": f"{place}", "data": {"ticket_id": "t1", "cause": cause}})
        for place, kind in enumerate(told)
    ]
    return Evidence(history=history, told=events)


GOOD: list[tuple[Any, ...]] = [
    ("", "", ""),
    ("reserved", "reserved", "waiting complete", "VanReserved", "PartReserved", "VisitReady"),
    ("reserved returned", "", "undoing undone", "VanReserved", "VanReturnAsked", "VisitUndone"),
    ("", "", "undone", "PartMissing", "VisitUndone"),
]
BAD: list[tuple[str, tuple[Any, ...]]] = [
    ("half", ("reserved", "reserved", "complete", "VanReserved", "VisitReady", "VisitUndone")),
    ("half", ("reserved", "reserved returned", "complete", "VanReserved", "VisitReady", "PartReturnAsked")),
    ("half", ("reserved", "", "complete", "VanReserved", "VisitReady")),
    ("half", ("reserved", "", "undone", "VanReserved", "VisitUndone")),
    ("half", ("reserved", "", "waiting", "VanReserved")),
    ("half", ("reserved", "reserved", "waiting", "VanReserved", "PartReserved")),
    ("half", ("reserved", "reserved", "undone", "VanReserved", "PartReserved", "VisitReady")),
    ("doubled", ("reserved returned reserved returned", "", "undone", "VanReserved", "VisitUndone")),
    ("renamed", ("reserved", "reserved", "complete", "VanReserved", "VisitReady", "VisitReady")),
]


@pytest.mark.parametrize("case", GOOD)
def test_what_is_whole_or_undone_is_right(case: tuple[Any, ...]) -> None:
    wrong = {name for name, count in audit(evidence(*case)).counts().items() if count} - {"effects"}
    assert wrong == set()


@pytest.mark.parametrize(("name", "case"), BAD)
def test_what_is_neither_is_called_so(name: str, case: tuple[Any, ...]) -> None:
    assert audit(evidence(*case)).counts()[name] >= 1


def test_somebody_who_is_on_the_way_must_belong_to_what_is_ready() -> None:
    went = Write(2, "w", "p-s-journeys", "t1", None, {"ticket_id": {"S": "t1"}})
    undone = evidence("reserved returned", "", "undone", "VanReserved", "VisitUndone")
    undone.history.append(went)
    assert audit(undone).half == 1
    ready = evidence("reserved", "reserved", "complete", "VanReserved", "VisitReady")
    ready.history += [went, went]
    assert (audit(ready).half, audit(ready).doubled) == (0, 1)


def test_an_end_without_a_cause_is_untold() -> None:
    assert audit(evidence("", "", "undone", "VisitUndone", cause="")).untold == 1


def test_what_is_simulated_is_what_the_templates_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed, "STAGE", STAGE)
    topology = chained(60)
    templates = synthesize(tmp_path, STAGE, topology)
    for consumer in topology.consumers:
        if consumer.function != PLAN_COMMAND:
            _same_environment(templates, topology, consumer)
            _same_permissions(templates, topology, consumer)
