"""A hold that could not be settled at once is settled by whoever comes later, and costs nobody its message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.runtime import hold
from functions.runtime.errors import Unavailable
from functions.runtime.hold import Counters, Taken
from functions.runtime.table import ConditionFailed, Item, Table, typed
from tests.functions.fakes import refusal
from tests.functions.runtime.test_hold import STOCK, Delivery, House


@pytest.fixture
def house() -> Iterator[House]:
    house = House({"tea": 9, "cup": 9})
    with house.as_aws():
        yield house


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (refusal("AccessDeniedException"), True),
        (EndpointConnectionError(endpoint_url="https://aws.example"), True),
        (Unavailable("DynamoDB is busy: TransactionConflictException."), True),
        (ConditionFailed(None), False),
    ],
    ids=repr,
)
def test_what_cannot_be_settled_is_logged_and_taken_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, told: bool
) -> None:
    update, lines = Table.update, []

    def refuse(self: Table, key: Item, change: str, **more: Any) -> Item:
        if "REMOVE" in change and key == {"sku": "tea"}:
            raise error
        return update(self, key, change, **more)

    monkeypatch.setattr(Table, "update", refuse)
    monkeypatch.setattr(hold, "log", lambda *said, **more: lines.append((*said, more)))
    assert house.take("one", tea=2, cup=1) == Taken((), again=False)
    assert [sku for sku, _ in house.holds()] == ["tea"], "the others are settled"
    expected = ("WARNING", "hold not settled", {"error": str(error), "hold": "one", "counter": "tea"})
    assert lines == ([expected] if told else [])


@pytest.mark.parametrize(("after", "settled"), [(60, False), (61, True)])
def test_a_hold_is_forgotten_after_a_minute(
    house: House, monkeypatch: pytest.MonkeyPatch, after: int, settled: bool
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    house.take("one", tea=2, faults=("fine", "fine", "refuse"))
    assert house.holds()["tea", "one"]["since"] == 1000
    now[0] += after
    house.take("two", tea=1)
    assert (house.holds() == {}) == settled


def test_of_many_forgotten_holds_one_is_looked_at(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "six"):
        house.take(name, tea=1, faults=("fine", "fine", "refuse"))
    monkeypatch.setattr(hold, "FORGOTTEN", -2)
    house.calls.clear()
    house.take("next", tea=1)
    assert house.calls.count("GetItem orders") == 1
    assert len(house.holds()) == 2


def test_a_record_says_what_was_wanted_what_was_short_and_which_holds_count(house: House) -> None:
    house.take("one", tea=2, cup=1, faults=("fine", "fine", "fine", "refuse", "refuse"))
    tokens = {sku: value["token"] for (sku, _), value in house.holds().items()}
    assert house.record("one") == {"order": "one", "quantities": {"tea": 2, "cup": 1}, "short": [], "holds": tokens}
    assert all(len(token) == 8 for token in tokens.values())
    house.take("two", tea=10, cup=1)
    assert house.record("two") == {"order": "two", "quantities": {"tea": 10, "cup": 1}, "short": ["tea"], "holds": {}}


def test_a_hold_is_small_and_says_of_which_beginning_it_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.9)
    house.take("one", tea=2, faults=("fine", "kill after"))
    (first,) = house.holds().values()
    assert {name: value for name, value in first.items() if name != "token"} == {"quantity": 2, "since": 1000}
    house.take("two", cup=1, pot=1)
    assert house.record("two") == {"order": "two", "withdrawn": 1}
    house.take("two", first=False, cup=1, pot=1)
    assert house.record("two") == {"order": "two", "withdrawn": 2}
    house.take("two", first=False, cup=1, faults=("fine", "kill after"))
    (again,) = (value for (_, name), value in house.holds().items() if name == "two")
    assert again["withdrawn"] == 2


def test_the_whole_amount_may_be_taken_and_the_message_that_needs_one_more_is_short(house: House) -> None:
    assert house.take("one", tea=9) == Taken((), again=False)
    assert house.take("two", tea=1) == Taken(("tea",), again=False)
    assert (house.counter("tea") or {})["left"] == 0


def test_a_counter_without_an_amount_is_short(house: House) -> None:
    house.tables.write("stock", typed({"sku": "jar"}))
    counters = Counters(STOCK.counters, "sku", "left", records=STOCK.records, name_key="order")
    delivery = Delivery("one", {"jar": 1}, first=True)
    house.check = lambda: None  # type: ignore[method-assign]
    house.deliver(delivery)
    assert delivery.came == Taken(("jar",), again=False)
    assert counters == STOCK


def test_whoever_does_not_say_that_a_name_is_new_has_its_record_read_first(house: House) -> None:
    house._running = Delivery("one", {}, first=False, fiber=SimpleNamespace(pause=lambda: None))
    assert STOCK.take("one", {"tea": 1}) == Taken((), again=False)
    assert house.calls[0] == "GetItem orders"


def test_all_counters_that_are_not_there_are_named(house: House) -> None:
    unknown = house.take("one", pot=1, tea=1, jar=1)
    assert (unknown.keys, str(unknown)) == (("pot", "jar"), "There is no counter pot, jar.")


def test_ninety_nine_counters_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"sku-{number}": 1 for number in range(99)}
    house = House(many)
    with house.as_aws():
        monkeypatch.setattr(house, "check", lambda: None)
        delivery = Delivery("one", many, first=True)
        house.deliver(delivery)
    assert delivery.came == Taken((), again=False)


@pytest.mark.parametrize("rounds", [9, 10])
def test_whoever_moves_ten_times_comes_back_later(house: House, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    attempts: list[None] = []
    attempt = hold._Attempt.hold

    def moved(self: Any, wanted: Any) -> Any:
        attempts.append(None)
        if len(attempts) <= rounds:
            raise hold._Moved
        return attempt(self, wanted)

    monkeypatch.setattr(hold._Attempt, "hold", moved)
    came = house.take("one", tea=1)
    assert (came == Taken((), again=False)) == (rounds < 10)
    assert len(attempts) == 10
    assert rounds < 10 or str(came) == "Other deliveries of one are in the way."
