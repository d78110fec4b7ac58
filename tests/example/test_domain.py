"""The example's words stay in the example: what a project of one's own is made of knows nothing of orders."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from stacks.names import ROOT

CONTRACTS = ("orders", "payments", "reminders", "shipping", "stock")
FUNCTIONS = (
    *("accept_order", "apply_payment", "confirm_order", "plan_reminder", "release_stock", "remind_to_pay"),
    *("reserve_stock", "return_payment"),
)
HOME = (
    *("example/", "tests/example/", "stacks/topology.py"),
    *(f"functions/contracts/{name}.py" for name in CONTRACTS),
    *(f"functions/{name}/" for name in FUNCTIONS),
    # They measure the example, and make projects without it.
    *("benchmarks/", "tests/benchmarks/", "project/", "tests/project/"),
)
ROOMS = ("functions", "stacks", "ops", "local", "documents", "scaffold", "tests")


def classes(path: Path) -> set[str]:
    """The classes that the file defines; one word alone, such as `Line`, is everybody's."""
    found = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}
    return {name for name in found if len(re.findall("[A-Z]", name)) > 1}


def test_no_room_of_the_platform_mentions_the_examples_functions_contracts_or_goods() -> None:
    words = set(FUNCTIONS) | {"tea-", "shipment", "/v1/orders"}
    for name in CONTRACTS:
        words |= classes(ROOT / "functions" / "contracts" / f"{name}.py")
    assert {"PlaceOrder", "PaymentCaptured", "OrderShipped", "StockReserved"} <= words
    pattern = re.compile("|".join(rf"\b{re.escape(word)}" for word in sorted(words)))
    found = [
        f"{path.relative_to(ROOT)}:{number} says {match[0]}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if not path.relative_to(ROOT).as_posix().startswith(HOME)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if (match := pattern.search(line))
    ]
    assert not found, "\n".join(found)
