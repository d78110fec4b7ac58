"""A map that makes no sense is one sentence at every door, and no traceback."""

from __future__ import annotations

import runpy
import signal
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from stacks.rules import TopologyError

SENTENCE = "Queue 'x' has no consumer; add Consumer(function='x') to integration 'y'."


class BrokenMap(ModuleType):
    """What importing from a wrong map does."""

    def __getattr__(self, name: str) -> Any:
        raise TopologyError(SENTENCE)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Doors take signals their own way."""
    before = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)}
    yield
    for sign, way in before.items():
        signal.signal(sign, way)


@pytest.mark.parametrize("door", ["ops", "documents", "local", "scaffold"])
def test_a_wrong_map_is_one_sentence(
    door: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"scaffold": ["subscriber", "a-name", "--on", "Something"]}.get(door, [])
    monkeypatch.setitem(sys.modules, "stacks.topology", BrokenMap("stacks.topology"))
    monkeypatch.setattr(sys, "argv", [door, *words])
    monkeypatch.delitem(sys.modules, f"{door}.__main__", raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(door, run_name="__main__")
    said = capsys.readouterr().err if isinstance(ended.value.code, int) else str(ended.value.code)
    assert ended.value.code not in (0, None)
    assert " ".join(said.replace("✗", "").split()) == SENTENCE
