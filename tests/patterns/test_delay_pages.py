"""docs/patterns/delay.md and debounce.md: their code is code, and asks for what the pages say."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from functions.contracts.later import Cancel, Later
from functions.runtime.record import Record
from stacks import entry, names
from stacks.entry import Topology
from tests.functions.events import record

BLOCK = re.compile(r"```python\n# ([\w./]+)\n(.*?)```", re.DOTALL)
PAGES = names.ROOT / "docs" / "patterns"


@pytest.fixture
def page(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[tuple[Topology, dict[str, Any]]]:
    """The map of the page, and what its modules hold."""
    code = dict(BLOCK.findall((PAGES / request.param).read_text()))
    with pytest.MonkeyPatch.context() as patch:
        known: dict[str, Any] = {}
        for path in (each for each in code if each.startswith("functions/")):
            name = path.removesuffix(".py").replace("/", ".")
            module = ModuleType(name)
            patch.setitem(sys.modules, name, module)
            exec(compile(code[path], path, "exec", dont_inherit=True), vars(module))  # noqa: S102
            known |= vars(module)
        for word in re.findall(r'Consumer\(function="(\w+)"', code["stacks/topology.py"]) + re.findall(
            r'Consumer\(\s*function="(\w+)"', code["stacks/topology.py"]
        ):
            (tmp_path / "functions" / word).mkdir(parents=True, exist_ok=True)
            (tmp_path / "functions" / word / "handler.py").touch()
        patch.setattr(names, "ROOT", tmp_path)
        integration = eval(code["stacks/topology.py"], vars(entry) | known)  # noqa: S307
        yield Topology(integrations=(integration,)), known


def asked(known: dict[str, Any], command: Any) -> Any:
    """What the page's handler answers."""
    contract, message = known["handler"]._intake(Record.read(record(command, idempotency_key="k")))
    (result,) = known["handle"](contract, message)
    return result


@pytest.mark.parametrize("page", ["delay.md"], indirect=True)
def test_a_reminder_is_planned_and_taken_back_under_the_customers_key(page: tuple[Topology, dict[str, Any]]) -> None:
    topology, known = page
    assert [*topology.delayed()] == ["remind_customer"]
    begun = asked(known, known["ChangeTrial"](customer_id="cus-1"))
    assert begun == Later(known["RemindCustomer"](customer_id="cus-1"), after=172_800, key="cus-1")
    bought = asked(known, known["ChangeTrial"](customer_id="cus-1", bought=True))
    assert bought == Cancel(known["RemindCustomer"], "cus-1")


@pytest.mark.parametrize("page", ["debounce.md"], indirect=True)
def test_each_change_replaces_what_was_asked_before(page: tuple[Topology, dict[str, Any]]) -> None:
    topology, known = page
    assert [*topology.delayed()] == ["index_profile"]
    changed = asked(known, known["ChangeProfile"](customer_id="cus-1", name="Ada"))
    assert (changed.key, changed.after, changed.replace) == ("cus-1", 30, True)
