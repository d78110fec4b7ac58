"""docs/patterns/workflow.md: its code is code, and does what the page says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from functions.contracts.contract import Command
from functions.follow_workflow.logic import Fact, Progress, follow
from functions.runtime import clients
from local.rehearsal import rehearsal
from stacks import entry, names
from stacks.entry import Topology, Workflow
from tests.fixtures import forget_clients
from tests.functions.events import batch, delivered, failed, record

BLOCK = re.compile(r"```python\n# ([\w./]+)\n(.*?)```", re.DOTALL)
PAGE = names.ROOT / "docs" / "patterns" / "workflow.md"
Page = tuple[Topology, dict[str, Any], dict[str, str]]


class InspectSite(Command, frozen=True, kw_only=True):
    business_key: ClassVar[str | None] = "site"

    site: str


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """The map of the page, what its modules hold, and its blocks."""
    code = dict(BLOCK.findall(PAGE.read_text()))
    with pytest.MonkeyPatch.context() as patch:
        known: dict[str, Any] = {}
        for path in ("functions/contracts/trips.py", "functions/return_hotel/handler.py"):
            known |= vars(loaded(patch, path, code[path]))
        for word in re.findall(r'function="(\w+)"', code["stacks/topology.py"]):
            (tmp_path / "functions" / word).mkdir(parents=True, exist_ok=True)
            (tmp_path / "functions" / word / "handler.py").touch()
        (tmp_path / "functions" / "follow_workflow").mkdir()
        (tmp_path / "functions" / "follow_workflow" / "handler.py").touch()
        (tmp_path / "functions" / "plan_command").mkdir()
        (tmp_path / "functions" / "plan_command" / "handler.py").touch()
        patch.setattr(names, "ROOT", tmp_path)
        integration = eval(code["stacks/topology.py"], known | vars(entry))  # noqa: S307
        yield Topology(integrations=(integration,)), known, code


def loaded(patch: pytest.MonkeyPatch, path: str, code: str) -> ModuleType:
    name = path.removesuffix(".py").replace("/", ".")
    module = ModuleType(name)
    patch.setitem(sys.modules, name, module)
    exec(compile(code, path, "exec", dont_inherit=True), vars(module))  # noqa: S102
    return module


def told(workflow: Workflow, *facts: Fact) -> list[tuple[str, ...]]:
    """What each fact leads to, deadlines aside."""
    progress: Progress | None = None
    found = []
    for fact in facts:
        progress = follow(workflow.rule(), progress, fact, 1000)
        assert progress
        found.append(tuple(each for each in progress.told.get(fact.id, ()) if each[0] not in "+-"))
    return found


def fact(name: str) -> Fact:
    return Fact(id=name, name=name)


def test_the_trip_of_the_page_is_chained_and_joined(page: Page) -> None:
    (workflow,) = page[0].workflows
    facts = [fact(name) for name in ("HotelBooked", "FlightBooked", "TicketsSent")]
    assert told(workflow, *facts) == [(), ("TicketsAsked",), ("TripReady",)]


def test_the_trip_of_the_page_is_undone_from_its_last_step(page: Page) -> None:
    (workflow,) = page[0].workflows
    facts = [fact(name) for name in ("HotelBooked", "FlightFull", "HotelReturned", "FlightBooked")]
    assert told(workflow, *facts) == [(), ("HotelReturnAsked",), ("TripUndone",), ("FlightReturnAsked",)]
    died = Fact(id="died", died="book_hotel")
    assert told(workflow, fact("FlightBooked"), died) == [(), ("FlightReturnAsked",)]


def test_the_deadline_of_the_page_undoes_what_is_done_unless_the_tickets_may_be_in_the_post(page: Page) -> None:
    (workflow,) = page[0].workflows
    due = Fact(id="due")
    assert told(workflow, fact("FlightBooked"), due) == [(), ("TripOverdue", "FlightReturnAsked")]
    late = told(workflow, fact("FlightBooked"), fact("HotelBooked"), due, fact("TicketsSent"))
    assert late == [(), ("TicketsAsked",), ("TripOverdue",), ("TripReady",)]


def test_the_undo_of_the_page_has_its_effect_once_and_answers_each_time(page: Page) -> None:
    topology, known, _ = page
    asked = delivered(known["HotelReturnAsked"](trip_id="t1", room="12", cause="why"), event_id="asked")
    forget_clients()
    with rehearsal(topology) as aws:
        aws.put("rooms", {"trip_id": "t1", "state": "taken"})
        for _ in range(2):
            assert failed(known["handler"](batch(asked))) == []
            assert [item["state"] for item in aws.items("rooms")] == ["free"]
        assert [each["type"] for each in aws.published()] == ["HotelReturned"] * 2
    forget_clients()


def test_the_inspection_of_the_page_begins_once(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    sites = ModuleType("functions.contracts.sites")
    sites.InspectSite = InspectSite  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "functions.contracts.sites", sites)
    begun: list[dict[str, Any]] = []

    class Machines:
        def start_execution(self, **request: Any) -> dict[str, Any]:
            begun.append(request)
            return {}

    monkeypatch.setitem(clients.made, "stepfunctions", Machines())
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("STAGE", "prod")
    handler = loaded(monkeypatch, "functions/inspect_site/handler.py", page[2]["functions/inspect_site/handler.py"])
    for attempt in (1, 2):
        assert failed(handler.handler(batch(record(InspectSite(site="s1"), attempt=attempt)))) == []
    assert {each["stateMachineArn"] for each in begun} == {
        "arn:aws:states:eu-central-1:111122223333:stateMachine:inspect-prod"
    }
    assert len({each["name"] for each in begun}) == 1
