"""docs/patterns: the code of each page is taken as it stands, and does what its page says."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from functions.contracts.contract import Command
from functions.contracts.limit import read
from stacks import entry, limits, names
from tests.functions.events import record
from tests.functions.fakes import Fakes
from tests.functions.runtime.limiting import Limiting

BLOCK = re.compile(r"```python\n# ([\w./]+)\n(.*?)```", re.DOTALL)
PAGE = names.ROOT / "docs" / "patterns" / "limit.md"


class FetchPage(Command, frozen=True, kw_only=True):
    business_key = "url"

    url: str


@pytest.fixture
def blocks() -> dict[str, str]:
    return dict(BLOCK.findall(PAGE.read_text()))


Load = Callable[[str, str], Any]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """A function that makes a module of that name of the code."""

    def loaded(name: str, code: str) -> Any:
        file = tmp_path / f"{name}.py"
        file.write_text(code)
        spec = spec_from_file_location(name, file)
        assert spec
        assert spec.loader
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return loaded


def test_the_map_of_the_limits_page_is_taken_and_tells_the_function_what_the_page_says(
    blocks: dict[str, str], load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("page_contract", blocks["functions/contracts/contacts.py"])
    (tmp_path / "functions" / "update_contact").mkdir(parents=True)
    (tmp_path / "functions" / "update_contact" / "handler.py").touch()
    monkeypatch.setattr(names, "ROOT", tmp_path)
    imports = f"from page_contract import UpdateContact\nfrom stacks.entry import {', '.join(entry.__all__)}"
    integration = load("page_map", f"{imports}\nmade = {blocks['stacks/topology.py']}").made
    consumer = entry.Topology(integrations=(integration,)).consumer("update_contact")
    told = read(limits.variable(consumer) or "")
    assert [(rule.name, rule.rate, rule.burst, rule.at_once, rule.per) for rule in told] == [
        ("customer", 2, 5, 1, "customer"),
        ("crm", 50, 1, None, None),
    ]


def test_the_handler_of_the_limits_page_asks_a_host_no_more_than_it_bears(
    blocks: dict[str, str], load: Load, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiting = Limiting(monkeypatch, fakes)
    asked: list[str] = []
    (line,) = re.findall(r"`(Limit\(\"host\".*?\))`", PAGE.read_text())
    given = load("page_limit", f"from stacks.entry import Limit\nmade = {line}").made
    monkeypatch.setenv("LIMITS", limits.variable(entry.Consumer(function="fetch_page", limits=(given,))) or "")
    pages = ModuleType("functions.contracts.pages")
    pages.FetchPage = FetchPage  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "functions.contracts.pages", pages)

    class Answer:
        def close(self) -> None:
            return

    def urlopen(url: str, timeout: float) -> Answer:
        asked.append(url)
        return Answer()

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    handler = load("page_handler", blocks["functions/fetch_page/handler.py"]).handler
    for number in range(3):
        handler({"Records": [record(FetchPage(url=f"https://one.example/{number}"))]})
    handler({"Records": [record(FetchPage(url="https://other.example/"))]})
    assert asked == ["https://one.example/0", "https://other.example/"]
    assert len(limiting.sqs.taken) == 2, "the others wait for their slots"
