"""docs/patterns/priorities.md: its code is code, and does what the page says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Annotated, Any, ClassVar

import pytest
from msgspec import Meta

from functions.contracts.contract import Event
from stacks import entry, names
from stacks.edge import lanes as edge
from stacks.edge.mapping_template import NOTHING
from stacks.entry import Integration, Lane, Subscription, Topology
from stacks.lanes import Choice

PAGE = names.ROOT / "docs" / "patterns" / "priorities.md"
TEXT = PAGE.read_text()
CODE = dict(re.findall(r"```python\n# ([\w./]+)\n(.*?)```", TEXT, re.DOTALL))


class ExportOrdered(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "billing.exports"

    pages: Annotated[int, Meta(ge=0, le=1_000_000)]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the page's code may name, in a project that has its handler."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        module = ModuleType("functions.contracts.exports")
        patch.setitem(sys.modules, module.__name__, module)
        exec(compile(CODE["functions/contracts/exports.py"], "exports.py", "exec", dont_inherit=True), vars(module))  # noqa: S102
        (folder / "functions" / "write_export").mkdir(parents=True)
        (folder / "functions" / "write_export" / "handler.py").touch()
        patch.setattr(names, "ROOT", folder)
        yield vars(entry) | vars(module) | {"ExportOrdered": ExportOrdered}


def made(code: str, known: dict[str, Any]) -> Any:
    return eval(CODE[code], dict(known))  # noqa: S307


@pytest.fixture
def integration(known: dict[str, Any]) -> Integration:
    found: Integration = made("stacks/topology.py", known)
    return found


def test_the_map_of_the_page_makes_the_queues_of_its_table(integration: Integration) -> None:
    topology = Topology(integrations=(integration,))
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `([\w-]+)` \| (\d+)", TEXT, re.MULTILINE)
    assert rows == [
        (queue.lane.lane, queue.name, f"{queue.name}-dlq", str(topology.consumer(queue.name).concurrency))
        for queue in topology.queues
        if queue.lane
    ]
    assert len(rows) == 3


def test_the_header_of_the_page_chooses_and_is_refused_with_the_sentence_of_the_page(integration: Integration) -> None:
    (route,) = Topology(integrations=(integration,)).routes
    assert isinstance(route.lane, Choice)
    assert f"*{edge.wrong(route.lane)} {NOTHING}*" in TEXT
    assert route.lane.queue({"X-Priority": "high"}, {}) == "write_export_high"
    assert route.lane.queue({}, {}) == "write_export"


def test_the_rule_of_the_page_is_taken(integration: Integration, known: dict[str, Any]) -> None:
    lane: Lane = made("lane", known)
    ruled = replace(integration, routes=(replace(integration.routes[0], lane=lane),))
    (route,) = Topology(integrations=(ruled,)).routes
    assert isinstance(route.lane, Choice)
    found = {country: route.lane.queue({}, {"country": country}) for country in ("DE", "AT", "IS", "FR")}
    assert found == {
        "DE": "write_export_high",
        "AT": "write_export_high",
        "IS": "write_export_low",
        "FR": "write_export",
    }


def test_the_subscription_of_the_page_is_taken(integration: Integration, known: dict[str, Any]) -> None:
    subscription: Subscription = made("subscription", known)
    told = replace(integration, routes=(), subscriptions=(subscription,))
    found = {each.queue: each.filter["pages"] for each in Topology(integrations=(told,)).subscriptions}
    assert found == {
        "write_export_high": [{"numeric": ["<", 10]}],
        "write_export": [{"numeric": [">=", 10, "<", 1_000]}, {"exists": False}],
        "write_export_low": [{"numeric": [">=", 1_000]}],
    }


def test_the_lane_that_the_page_closes_is_one_of_its_map(integration: Integration, known: dict[str, Any]) -> None:
    (closing,) = re.findall(r"`lanes=(Lanes\(.*closed.*?\))`", TEXT)
    closed = eval(closing, dict(known))  # noqa: S307
    assert replace(closed, closed=()) == integration.queues[0].lanes
    queues = (replace(integration.queues[0], lanes=closed),)
    (route,) = Topology(integrations=(replace(integration, queues=queues),)).routes
    assert route.queues == ("write_export_high", "write_export")
