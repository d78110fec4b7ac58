"""Counters are never taken from twice, nor below zero, whoever dies and however deliveries overlap."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from functions.contracts.environment import table_variable
from functions.runtime import clients, hold
from functions.runtime.errors import Reject, Retry
from functions.runtime.hold import Counters, Taken, Unknown
from functions.runtime.table import Item, Table, plain, typed
from tests.aws.errors import ServiceError
from tests.simulation.clock import Clock
from tests.simulation.fiber import Fiber
from tests.simulation.tables import Tables
from tests.simulation.wire import Call

STOCK = Counters(Table("stock"), "sku", "left", records=Table("orders"), name_key="order")
SKUS = ("tea", "cup", "pot")
ORDERS = ("one", "two", "six")
FAULTS = ("kill before", "kill after", "refuse", "lose answer", "repeat", "late", "lost and late")
Wanted = dict[str, int]


class Killed(KeyboardInterrupt):
    """The worker is gone."""


@dataclass
class Delivery:
    """A worker with a message; `came` is what of it: what was taken, or what was raised."""

    name: str
    wanted: Wanted
    first: bool
    faults: list[str] = field(default_factory=list)
    came: Any = None
    fiber: Any = None


class House:
    """Counters and records in DynamoDB's model, asked by deliveries that stand still around each of their calls."""

    def __init__(self, stock: Wanted) -> None:
        clock = Clock()
        self._clock = clock
        self.tables = Tables({"stock": "sku", "orders": "order"}, clock, Random(1), lambda *_: True)
        self.added: Counter[str] = Counter()
        self.calls: list[str] = []
        self.late: list[tuple[str, dict[str, Any]]] = []
        self.lowest: dict[tuple[str, str], int] = {}
        self._decided: dict[str, Item] = {}
        self._running: Delivery | None = None
        for sku, left in stock.items():
            self.add(sku, left)

    def add(self, sku: str, pieces: int) -> None:
        """A person adds pieces of an article, or the article."""
        item = self.counter(sku) or {"sku": sku, "left": 0}
        self.added[sku] += pieces
        self.tables.write("stock", typed(item | {"left": item["left"] + pieces}))

    def counter(self, sku: str) -> Item | None:
        item = self.tables.items["stock"].get(sku)
        return plain(item) if item else None

    def record(self, name: str) -> Item:
        item = self.tables.items["orders"].get(name)
        return plain(item) if item else {}

    def holds(self) -> dict[tuple[str, str], Item]:
        return {
            (sku, attribute.removeprefix("hold:")): value
            for sku in self.tables.items["stock"]
            for attribute, value in (self.counter(sku) or {}).items()
            if attribute.startswith("hold:")
        }

    # What deliveries ask.

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        return self._call("GetItem", arguments)

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        return self._call("PutItem", arguments)

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        return self._call("UpdateItem", arguments)

    def _call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        delivery = self._running
        assert delivery is not None
        delivery.fiber.pause()
        fault = delivery.faults.pop(0) if delivery.faults else "fine"
        if fault == "kill before":
            raise Killed
        if fault in ("late", "lost and late"):
            self.late.append((operation, arguments))
        if fault in ("refuse", "lost and late"):
            raise EndpointConnectionError(endpoint_url="https://aws.example")
        answer = self._answer(operation, arguments)
        if fault == "repeat":
            delivery.fiber.pause()
            answer = self._answer(operation, arguments)
        delivery.fiber.pause()
        if fault == "kill after":
            raise Killed
        if fault == "lose answer":
            raise EndpointConnectionError(endpoint_url="https://aws.example")
        if isinstance(answer, ClientError):
            raise answer
        return dict(answer)

    def _answer(self, operation: str, arguments: dict[str, Any]) -> Any:
        self._clock.now += 1  # so that the model does not throttle
        self.calls.append(f"{operation} {arguments['TableName']}")
        sent = json.loads(clients.told_apart(json.dumps(arguments).encode()))
        call = Call("dynamodb", operation, sent, "", SimpleNamespace(name="worker", function="f"))  # type: ignore[arg-type]
        try:
            return self.tables.answer(call)
        except ServiceError as error:
            return ClientError({"Error": {"Code": error.code, "Message": "no"}} | error.body, operation)
        finally:
            self.check()

    def check(self) -> None:
        """Nothing is lost, doubled or below zero, and what was decided stays so."""
        records = {name: self.record(name) for name in self.tables.items["orders"]}
        for name, record in records.items():
            if "short" in record:
                assert self._decided.setdefault(name, record) == record
        holds = self.holds()
        for sku in self.tables.items["stock"]:
            left = (self.counter(sku) or {})["left"]
            assert left >= 0
            taken = sum(r["quantities"][sku] for r in records.values() if sku in r.get("holds", {}))
            held = {
                name: value["quantity"]
                for (of, name), value in holds.items()
                if of == sku and records.get(name, {}).get("holds", {}).get(sku) != value["token"]
            }
            assert left + taken + sum(held.values()) == self.added[sku]
            for name in ORDERS:
                # What is held in vain is there for others, and what a message holds itself is there for it.
                free = sum(held[each] for each in held if each == name or "short" in records.get(each, {}))
                self.lowest[sku, name] = min(self.lowest.get((sku, name), left + free), left + free)

    # What a test does.

    def arrive(self) -> None:
        """Let a request be applied that hung on its way while its caller tried again or gave up."""
        self._answer(*self.late.pop(0))

    def deliver(self, *deliveries: Delivery, turns: Callable[[int], int] = lambda _: 0) -> None:
        """Let them run until each has ended, in the order that `turns` draws from so many."""
        running = list(deliveries)
        for delivery in running:
            delivery.fiber = Fiber(lambda delivery=delivery: self._take(delivery))  # type: ignore[misc]
        while running:
            self._running = running[turns(len(running))]
            self._running.fiber.resume()
            if self._running.fiber.ended:
                running.remove(self._running)

    def take(self, name: str, *, first: bool = True, faults: tuple[str, ...] = (), **wanted: int) -> Any:
        """What comes of one delivery alone; what it raises is returned."""
        delivery = Delivery(name, wanted, first, list(faults))
        self.deliver(delivery)
        return delivery.came

    def _take(self, delivery: Delivery) -> None:
        try:
            delivery.came = STOCK.take(delivery.name, delivery.wanted, first=delivery.first)
        except (Killed, EndpointConnectionError, Unknown, Retry) as error:
            delivery.came = error

    @contextmanager
    def as_aws(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clients, "made", {"dynamodb": self})
            patch.setattr("functions.runtime.log._write", lambda _: None)
            for table in ("stock", "orders"):
                patch.setenv(table_variable(table), table)
            yield


@pytest.fixture
def house() -> Iterator[House]:
    house = House({"tea": 5, "cup": 1})
    with house.as_aws():
        yield house


def test_what_is_taken_is_taken_once_in_three_writes(house: House) -> None:
    assert house.take("one", tea=2) == Taken((), again=False)
    assert house.calls == ["UpdateItem stock", "PutItem orders", "UpdateItem stock"]
    assert house.take("one", tea=2) == house.take("one", tea=2, first=False) == Taken((), again=True)
    assert house.counter("tea") == {"sku": "tea", "left": 3}


def test_a_message_seen_before_costs_a_read_of_its_record_and_of_each_counter(house: House) -> None:
    house.take("one", tea=2, cup=1)
    house.calls.clear()
    house.take("one", tea=2, cup=1, first=False)
    assert house.calls == ["GetItem orders", "GetItem stock", "GetItem stock"]


def test_every_short_counter_is_named_and_nothing_is_taken(house: House) -> None:
    assert house.take("one", tea=6, cup=2) == Taken(("tea", "cup"), again=False)
    assert house.take("two", tea=2, cup=2) == Taken(("cup",), again=False)
    assert (house.counter("tea"), house.holds()) == ({"sku": "tea", "left": 5}, {})
    house.add("cup", 9)
    assert house.take("two", tea=2, cup=2) == Taken(("cup",), again=True)


def test_an_unknown_counter_gives_back_what_was_held_and_the_same_name_may_take_it_later(house: House) -> None:
    unknown = house.take("one", tea=2, pot=1)
    assert isinstance(unknown, Unknown)
    assert unknown.keys == ("pot",)
    assert house.counter("tea") == {"sku": "tea", "left": 5}
    house.add("pot", 1)
    assert house.take("one", tea=2, pot=1) == Taken((), again=False)
    assert house.counter("tea") == {"sku": "tea", "left": 3}


def test_a_message_whose_workers_died_keeps_what_it_holds_until_it_comes_back(house: House) -> None:
    assert isinstance(house.take("one", cup=1, faults=("kill after",)), Killed)
    assert house.take("two", cup=1) == Taken(("cup",), again=False)
    assert house.take("one", cup=1) == Taken((), again=False)
    assert house.counter("cup") == {"sku": "cup", "left": 0}


def test_what_nobody_will_take_any_more_makes_no_other_short(house: House) -> None:
    assert isinstance(house.take("one", cup=1, tea=6, faults=("fine", "fine", "kill after")), Killed)
    assert len(house.holds()) == 1, "it is short, and died before it gave the cup back"
    assert house.take("two", cup=1) == Taken((), again=False)


def test_a_hold_that_was_left_behind_is_settled_by_the_next_message(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert house.take("one", tea=2, faults=("fine", "fine", "refuse")) == Taken((), again=False)
    assert len(house.holds()) == 1, "it is taken, and that could not be settled"
    house.take("two", tea=1)
    assert len(house.holds()) == 1, "it may be settled this moment"
    monkeypatch.setattr(hold, "FORGOTTEN", -2)
    house.take("six", tea=1)
    assert (house.counter("tea"), house.holds()) == ({"sku": "tea", "left": 1}, {})


def test_an_edited_message_takes_what_it_says_now(house: House) -> None:
    assert isinstance(house.take("one", tea=4, cup=1, faults=("fine", "kill after")), Killed)
    assert house.take("one", tea=1) == Taken((), again=False)
    assert house.counter("tea") == {"sku": "tea", "left": 4}
    assert house.take("two", cup=1) == Taken((), again=False), "the cup that the edit left out is free"


def test_a_record_from_before_there_were_holds_stands(house: House) -> None:
    house.tables.write("orders", typed({"order": "one", "quantities": {"cup": 1}, "short": []}))
    house.tables.write("orders", typed({"order": "two"}))
    for name in ("one", "two"):
        for first in (True, False):
            assert house.take(name, cup=1, first=first) == Taken((), again=True)
    assert (house.counter("cup") or {})["left"] == 1


def test_a_message_of_too_many_counters_is_rejected_before_it_holds_any(house: House) -> None:
    with pytest.raises(Reject, match="one takes from 100 counters, but 99 are the most"):
        STOCK.take("one", {f"sku-{number}": 1 for number in range(100)})
    assert house.calls == []


def script(*acts: int | Callable[[], object]) -> Callable[[int], int]:
    """Whose turn it is, by place, with what a person does in between; then the first goes on to its end.

    A call takes two turns: to the moment before it, and to the moment after it.
    """
    coming = iter(acts)

    def turn(count: int) -> int:
        for act in coming:
            if isinstance(act, int):
                return min(act, count - 1)
            act()
        return 0

    return turn


@pytest.mark.parametrize("withdrawn_before_it_is_recorded", [True, False])
def test_what_a_rejected_delivery_gives_back_is_in_no_record(
    house: House, withdrawn_before_it_is_recorded: bool
) -> None:
    house.take("one", tea=2, pot=1)  # from now on, its record is there and withdrawn
    rejects, takes = (Delivery("one", {"tea": 2, "pot": 1}, first=False) for _ in range(2))
    to_the_withdrawal, to_the_record = [0] * 7, [1] * 7

    def add() -> None:
        house.add("pot", 1)

    if withdrawn_before_it_is_recorded:
        house.deliver(rejects, takes, turns=script(*to_the_withdrawal, 0, 0, add, *[1] * 8))
    else:
        house.deliver(rejects, takes, turns=script(*to_the_withdrawal, add, *to_the_record))
    assert isinstance(rejects.came, Unknown)
    assert takes.came == Taken((), again=False)
    assert (house.counter("tea"), house.counter("pot")) == ({"sku": "tea", "left": 3}, {"sku": "pot", "left": 0})


def test_a_hold_repeated_after_its_end_takes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    repeated, other = (Delivery("one", {"tea": 3}, first=True, faults=faults) for faults in (["repeat"], []))
    house.deliver(repeated, other, turns=script(0, 0, *[1] * 7))
    assert (repeated.came, other.came) == (Taken((), again=True), Taken((), again=False))
    monkeypatch.setattr(hold, "FORGOTTEN", -2)
    house.take("two", tea=1)
    assert (house.counter("tea"), house.holds()) == ({"sku": "tea", "left": 1}, {})


@pytest.mark.parametrize(("name", "first"), [("two", True), ("one", False), ("one", True)])
def test_a_hold_that_arrives_when_all_is_over_is_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str, first: bool
) -> None:
    house.add("tea", 5)
    house.take("one", tea=3, faults=("late",))
    house.arrive()
    assert house.holds(), "it holds three more"
    monkeypatch.setattr(hold, "FORGOTTEN", -2)
    house.take(name, tea=3, first=first)
    assert (house.counter("tea"), house.holds()) == ({"sku": "tea", "left": 4 if name == "two" else 7}, {})


wants = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 3), min_size=1, max_size=3)
faults = st.lists(st.sampled_from(("fine",) * 5 + FAULTS + ("late",) * 3), max_size=8)
message = st.tuples(st.sampled_from(ORDERS), st.booleans(), st.booleans(), faults)


@given(
    stock=st.fixed_dictionaries({"tea": st.integers(1, 9), "cup": st.integers(1, 9)}),
    orders=st.fixed_dictionaries(dict.fromkeys(ORDERS, wants)),
    edit=wants,
    rounds=st.lists(st.lists(message, min_size=1, max_size=4), min_size=1, max_size=3),
    seed=st.integers(0, 10_000),
)
def test_whatever_dies_or_overlaps_nothing_is_taken_twice_and_nothing_is_lost(
    stock: Wanted, orders: dict[str, Wanted], edit: Wanted, rounds: list[Any], seed: int
) -> None:
    house, random = House(stock), Random(seed)
    came: dict[str, set[tuple[str, ...]]] = {name: set() for name in ORDERS}
    delivered: dict[str, list[Wanted]] = {name: [orders[name]] for name in ORDERS}

    def turn(count: int) -> int:
        if house.late and random.random() < 0.1:
            house.arrive()
        return random.randrange(count)

    def deliver(*deliveries: Delivery) -> None:
        house.deliver(*deliveries, turns=turn)
        for delivery in deliveries:
            delivered[delivery.name].append(delivery.wanted)
            if isinstance(delivery.came, Taken):
                came[delivery.name].add(delivery.came.short)

    with house.as_aws(), pytest.MonkeyPatch.context() as patch:
        for deliveries in rounds:
            deliver(
                *(
                    Delivery(name, edit if edited else orders[name], first, list(faults))
                    for name, first, edited, faults in deliveries
                )
            )
        house.add("pot", 2)
        patch.setattr(hold, "FORGOTTEN", -2)
        for _ in range(random.randint(0, len(house.late))):
            house.arrive()
        deliver(*(Delivery(name, orders[name], first=False) for name in ORDERS for _ in range(2)))
        deliver(*(Delivery(name, orders[name], first=True) for name in ORDERS))
        for name, shorts in came.items():
            assert len(shorts) == 1, "whoever comes hears the same"
            for sku in next(iter(shorts)):
                most = max(each.get(sku, 0) for each in delivered[name])
                assert house.lowest[sku, name] < most, f"{sku} was never short for {name}"
        while house.late:
            house.arrive()
        for number in range(len(house.holds())):
            for sku in SKUS:
                house.add(sku, 1)
                house.deliver(Delivery(f"next-{number}-{sku}", {sku: 1}, first=True))
        assert house.holds() == {}
