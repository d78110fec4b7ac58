"""An execution environment keeps what it remembers to itself, and loses it when it dies."""

from __future__ import annotations

import importlib

from functions.runtime import clients, secret
from tests.simulation.runs import sandboxes
from tests.simulation.sandbox import Sandbox

RUNTIME = "functions.runtime"


def test_what_one_remembers_no_other_sees() -> None:
    one, other = sandboxes().take("open_ticket"), sandboxes().take("open_ticket")
    try:
        ours, theirs = memory(one), memory(other)
        assert ours is not theirs is not clients.made
        ours["dynamodb"] = "mine"
        assert theirs == {}
        assert "mine" not in clients.made.values()
    finally:
        for each in (one, other):
            sandboxes().give("open_ticket", each)


def test_what_one_remembered_is_gone_with_it() -> None:
    sandbox = sandboxes().take("receive_webhook")
    modules = sandbox.modules
    modules[f"{RUNTIME}.clients"].made["dynamodb"] = "mine"
    vars(modules[f"{RUNTIME}.secret"])["FRESH"] = 1
    vars(modules[f"{RUNTIME}.clients"])["later"] = "added"
    session = modules[f"{RUNTIME}.clients"].session
    session()
    sandboxes().give("receive_webhook", sandbox)
    assert modules[f"{RUNTIME}.clients"].made == {}
    assert modules[f"{RUNTIME}.secret"].FRESH == secret.FRESH
    assert not hasattr(modules[f"{RUNTIME}.clients"], "later")
    assert session.cache_info().currsize == 0


def test_what_one_imports_late_is_its_own_too() -> None:
    one, other = sandboxes().take("open_ticket"), sandboxes().take("open_ticket")
    outside = importlib.import_module(f"{RUNTIME}.probe")
    found = []
    try:
        for each in (one, other):
            each.enter()
            found.append(importlib.import_module(f"{RUNTIME}.probe"))
            each.leave()
    finally:
        for each in (one, other):
            sandboxes().give("open_ticket", each)
    assert found == [each.modules[f"{RUNTIME}.probe"] for each in (one, other)]
    assert outside not in found
    assert importlib.import_module(f"{RUNTIME}.probe") is outside


def memory(sandbox: Sandbox) -> dict[str, object]:
    found: dict[str, object] = sandbox.modules[f"{RUNTIME}.clients"].made
    return found
