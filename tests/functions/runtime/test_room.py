"""Places: so many at once and never one more; who dies gives its own up when its function must be over."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.contracts.limit import Rule
from functions.runtime import clients, room
from tests.aws.client import Client
from tests.functions.fakes import Fakes
from tests.functions.runtime.limiting import LIMITS, NOW, LimitsTable

TWO = Rule(name="crm", at_once=2)


class Moment:
    at = NOW


def _table(monkeypatch: pytest.MonkeyPatch) -> tuple[LimitsTable, Moment]:
    table, moment = LimitsTable(), Moment()
    monkeypatch.setitem(clients.made, "dynamodb", Client("dynamodb", table))
    monkeypatch.setattr(time, "time", lambda: moment.at)
    monkeypatch.setenv("TABLE_LIMITS", LIMITS)
    return table, moment


@pytest.fixture
def made(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> tuple[LimitsTable, Moment]:
    return _table(monkeypatch)


def test_so_many_are_in_and_the_next_comes_in_when_one_has_left(made: Any) -> None:
    first, second = room.enter(TWO, "k", 30), room.enter(TWO, "k", 30)
    assert first
    assert second
    assert first.name != second.name
    assert room.enter(TWO, "k", 30) is None
    room.leave(first)
    assert room.enter(TWO, "k", 30)


def test_keys_have_places_of_their_own(made: Any) -> None:
    one = Rule(name="crm", at_once=1)
    assert room.enter(one, "a", 30)
    assert room.enter(one, "b", 30)


def test_a_place_alone_is_one_write_and_leaving_it_another(made: tuple[LimitsTable, Moment]) -> None:
    place = room.enter(Rule(name="crm", at_once=1), "k", 30)
    assert place
    room.leave(place)
    assert made[0].writes() == 2


def test_who_died_is_out_when_its_function_must_be_over_and_not_before(made: tuple[LimitsTable, Moment]) -> None:
    one = Rule(name="crm", at_once=1)
    room.enter(one, "k", 30)
    made[1].at += 30 + room.MARGIN - 1
    assert room.enter(one, "k", 30) is None
    made[1].at += 2
    assert room.enter(one, "k", 30)


def test_who_was_taken_for_dead_gives_up_nobody_elses_place(made: tuple[LimitsTable, Moment]) -> None:
    one = Rule(name="crm", at_once=1)
    late = room.enter(one, "k", 30)
    made[1].at += 100
    room.enter(one, "k", 30)
    assert late
    room.leave(late)
    assert room.enter(one, "k", 30) is None


def test_who_never_heard_that_it_is_in_is_in_once(made: tuple[LimitsTable, Moment]) -> None:
    table, _ = made
    ordinary = table.update_item

    def unheard(**arguments: Any) -> Any:
        table.update_item = ordinary  # type: ignore[method-assign]
        ordinary(**arguments)
        return ordinary(**arguments)  # the call is repeated, because its answer was lost

    table.update_item = unheard  # type: ignore[method-assign]
    assert room.enter(TWO, "k", 30)
    assert sum(name.startswith("p") for name in table.items()["k"]) == 1


@given(st.integers(1, 4), st.lists(st.one_of(st.just("enter"), st.integers(0, 20)), max_size=40))
def test_there_are_never_more_in_than_there_are_places(at_once: int, steps: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _table(patch)
        rule = Rule(name="crm", at_once=at_once)
        inside: list[room.Place] = []
        for step in steps:
            if step == "enter":
                place = room.enter(rule, "k", 30)
                assert (place is None) == (len(inside) == at_once)
                inside += [place] if place else []
            elif inside:
                room.leave(inside.pop(step % len(inside)))
