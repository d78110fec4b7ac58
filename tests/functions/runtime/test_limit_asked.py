"""A handler that asks for a limit itself: with a key of its own, a cost, and its slot kept when it waits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.contracts.limit import Rule
from functions.runtime.errors import Reject
from functions.runtime.limit import limit
from tests.functions.fakes import Fakes
from tests.functions.runtime.limiting import Limiting
from tests.functions.runtime.probe import Probe, Probing, probe


@pytest.fixture
def limiting(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Limiting:
    return Limiting(monkeypatch, fakes)


def test_a_handler_asks_with_a_key_of_its_own(limiting: Limiting) -> None:
    limiting.rules(Rule(name="host", rate=0.1, burst=2, in_code=True))

    def call(asked: Probe, _: Any) -> None:
        limit("host", asked.note, cost=2)

    probing = Probing(a=call, b=call)
    assert limiting.run(probing, probe("a", message_id="a") | body("a", "one.example")) == set()
    assert limiting.run(probing, probe("b", message_id="b") | body("b", "one.example")) == set()
    assert len(limiting.sqs.taken) == 1
    assert probing.seen == ["a", "b"]
    limiting.clock += limiting.sqs.taken[0]["DelaySeconds"] + 0.1
    writes = limiting.table.writes()
    limiting.run(probing, limiting.copy())
    assert probing.seen == ["a", "b", "b"]
    assert len(limiting.sqs.taken) == 1
    assert limiting.table.writes() == writes, "it has its slot"


def body(name: str, note: str) -> dict[str, str]:
    return {"body": json.dumps({"name": name, "note": note})}


@pytest.mark.parametrize(
    ("name", "key", "cost", "error"),
    [
        ("crm", "k", 1, LookupError),
        ("none", "k", 1, LookupError),
        ("host", "", 1, Reject),
        ("host", "k", 0, ValueError),
        ("host", "k", 3, ValueError),
    ],
)
def test_a_wrong_question_of_a_handler_is_told(
    limiting: Limiting, name: str, key: str, cost: int, error: type[Exception]
) -> None:
    limiting.rules(Rule(name="host", rate=1, burst=2, in_code=True), Rule(name="crm", rate=1))
    raised: list[BaseException] = []

    def ask(_: Probe, __: Any) -> None:
        try:
            limit(name, key, cost)
        except Exception as problem:
            raised.append(problem)

    limiting.run(Probing(a=ask), probe("a"))
    assert [type(each) for each in raised] == [error]


def test_outside_of_a_consumer_there_is_no_limit_to_ask() -> None:
    with pytest.raises(LookupError, match="called by a consumer"):
        limit("crm", "k")
