"""docs/patterns/schedule.md: its code is code, and does what the page says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from functions.contracts.run import Run
from stacks import entry, names
from stacks.entry import Topology

PAGE = names.ROOT / "docs" / "patterns" / "schedule.md"
BLOCK = re.compile(r"```python\n# ([\w./]+)\n(.*?)```", re.DOTALL)
CODE = dict(BLOCK.findall(PAGE.read_text()))
MODULES = {path: path.removesuffix(".py").replace("/", ".") for path in CODE if path.startswith("functions/")}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Topology, Any]]:
    """The map of the page, and its handler."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        for path, name in MODULES.items():
            module = ModuleType(name)
            patch.setitem(sys.modules, name, module)
            exec(compile(CODE[path], path, "exec", dont_inherit=True), vars(module))  # noqa: S102
        (folder / "functions" / "write_report").mkdir(parents=True)
        (folder / "functions" / "write_report" / "handler.py").touch()
        patch.setattr(names, "ROOT", folder)
        known = vars(entry) | vars(sys.modules["functions.contracts.reports"])
        integration = eval(CODE["stacks/topology.py"], dict(known))  # noqa: S307
        yield Topology(integrations=(integration,)), sys.modules["functions.write_report.handler"].handler


@pytest.fixture
def topology(page: tuple[Topology, Any]) -> Topology:
    return page[0]


def test_a_run_has_one_effect_and_a_second_delivery_none(page: tuple[Topology, Any], aws: Any) -> None:
    from tests.functions.events import batch, record

    (schedule,) = page[0].schedules
    run = Run(schedule.name, "2026-11-26T05:00:00Z", schedule.skips)
    attributes: dict[str, Any] = dict(run.attributes())
    message = record(schedule.body(run.time), **attributes)
    for _ in range(2):
        assert page[1](batch(message)) == {"batchItemFailures": []}
    (report,) = aws.items("reports")
    assert report == {"report": "write_daily@2026-11-26T05:00:00Z", "kind": "daily", "until": "2026-11-26T05:00:00Z"}


def test_the_commands_on_the_page_are_commands() -> None:
    from stacks.schedule import VERBS

    said = re.findall(r"python -m ops schedules (\w+)", PAGE.read_text())
    assert set(said) == set(VERBS)
