"""docs/patterns/status.md: its code is code; what its handler stores, and says, is what its status answers."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from functions.contracts import tracked
from functions.runtime import clients
from functions.runtime.table import typed
from local.gateway import velocity
from stacks import entry, names, status
from stacks.edge import location, read_template
from tests.aws.client import Client
from tests.fixtures import Context
from tests.functions.events import record
from tests.functions.fakes import Fakes
from tests.functions.runtime.requesting import REQUESTS, RequestsTable

PAGE = names.ROOT / "docs" / "patterns" / "status.md"
BLOCK = re.compile(r"```python\n# ([\w./]+)\n(.*?)```", re.DOTALL)
REPORTS = "test-reports"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the modules of the page hold."""
    code = dict(BLOCK.findall(PAGE.read_text()))
    logic = ModuleType("functions.make_report.logic")
    logic.rows_of = lambda _month, day: day  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "functions.make_report", ModuleType("functions.make_report"))
    monkeypatch.setitem(sys.modules, logic.__name__, logic)
    found: dict[str, Any] = {"map": code["stacks/topology.py"]}
    for path in ("functions/contracts/reports.py", "functions/make_report/handler.py"):
        name = path.removesuffix(".py").replace("/", ".")
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(code[path], path, "exec", dont_inherit=True), vars(module))  # noqa: S102
        found |= vars(module)
    return found


@pytest.fixture
def topology(known: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> entry.Topology:
    (tmp_path / "functions" / "make_report").mkdir(parents=True)
    (tmp_path / "functions" / "make_report" / "handler.py").touch()
    monkeypatch.setattr(names, "ROOT", tmp_path)
    integration = eval(known["map"], known | vars(entry))  # noqa: S307
    return entry.Topology(integrations=(integration,))


def answer(read: status.Read, item: dict[str, Any], value: str) -> dict[str, Any]:
    """What is answered of the item."""
    context = {"requestId": "r", "requestTimeEpoch": 1, "responseOverride": {"header": {}, "status": 0}}
    body = msgspec.json.encode({"Item": typed(item)}).decode()
    given = velocity.Input(body, {read.parameter: value}, {}, {})
    text = velocity.render(read_template.found(read, "none"), given=given, context=context, stage_variables={})
    found: dict[str, Any] = msgspec.json.decode(text)
    return found


def test_what_the_handler_stores_and_says_is_what_the_page_shows(
    known: dict[str, Any], topology: entry.Topology, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = RequestsTable()
    table.tables.keys[REPORTS] = "report_id"
    table.tables.items[REPORTS] = {}
    monkeypatch.setitem(clients.made, "dynamodb", Client("dynamodb", table))
    monkeypatch.setenv("TABLE_REPORTS", REPORTS)
    monkeypatch.setenv("TABLE_REQUESTS", REQUESTS)
    monkeypatch.setenv("TRACKED", status.variable(topology.integrations[0], "make_report") or "")
    seen: list[dict[str, Any]] = []
    put = table.tables.put_item

    def seeing(**body: Any) -> Any:
        seen.append(body["Item"])
        return put(**body)

    monkeypatch.setattr(table.tables, "put_item", seeing)
    command = known["MakeReport"](report_id="rep-1", month="2026-11")
    asked: dict[str, Any] = {"tenant": "acme", "correlation_id": "c-1", "route": "POST /v1/reports", "received_at": "1"}
    known["handler"]({"Records": [record(command, **asked)]}, Context(900))
    thing, request = status.reads(topology)
    stored = table.tables.items[REPORTS]["/acme/rep-1"]
    shown = answer(thing, {name: next(iter(value.values())) for name, value in stored.items()} | {"rows": 496}, "rep-1")
    assert shown == {"report_id": "rep-1", "month": "2026-11", "rows": 496}
    said = [each["status"]["S"] for each in seen if "status" in each]
    assert said == ["working", "done"], "31 days are told once, because they took no time"
    done = table.tables.items[REQUESTS]["/acme/c-1"]
    assert done["thing"]["S"] == "/v1/reports/rep-1"
    assert request.answers is tracked.RequestStatus


def test_the_202_says_what_the_page_says(topology: entry.Topology) -> None:
    (route,) = topology.routes
    said = location.of(route, topology)
    assert '"${back}requests/${correlation}"' in said
    assert "${back}reports/{report_id}${quote}; rel=${quote}status${quote}" in said
