"""Slots: never more than the rate and the burst, for whoever asks, whatever the clocks say; one write a slot."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.contracts.limit import Rule
from functions.runtime import clients, slot
from functions.runtime.errors import Unavailable
from tests.aws.client import Client
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.limiting import LIMITS, NOW, LimitsTable

SECOND = 1_000_000


@dataclass
class Bucket:
    """The table, and a clock that each asker may have of its own."""

    table: LimitsTable
    at: float = NOW

    def ask(self, rule: Rule, key: str = "k", cost: int = 1, *, skew: float = 0.0, fresh: bool = False) -> float:
        """The slot that is given, in seconds after `NOW`; a `fresh` worker has seen nothing before."""
        before = self.at
        self.at += skew
        if fresh:
            slot._seen.clear()
        try:
            return slot.reserve(rule, key, cost) / SECOND - NOW
        finally:
            self.at = before


def _bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket(LimitsTable())
    monkeypatch.setitem(clients.made, "dynamodb", Client("dynamodb", made.table))
    monkeypatch.setattr(time, "time", lambda: made.at)
    monkeypatch.setenv("TABLE_LIMITS", LIMITS)
    slot._seen.clear()
    return made


@pytest.fixture
def bucket(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _bucket(monkeypatch)


def test_the_burst_goes_at_once_and_then_one_an_interval(bucket: Bucket) -> None:
    rule = Rule(name="crm", rate=2, burst=3)
    assert [round(bucket.ask(rule), 3) for _ in range(6)] == [0, 0, 0, 0.5, 1, 1.5]
    bucket.at += 60
    assert [round(bucket.ask(rule) - 60, 3) for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_cost_takes_as_many_shares(bucket: Bucket) -> None:
    rule = Rule(name="crm", rate=1, burst=3)
    assert [round(bucket.ask(rule, cost=cost), 3) for cost in (3, 1, 2, 1)] == [0, 1, 3, 4]


def test_a_slot_is_one_write_for_who_saw_the_key_before(bucket: Bucket) -> None:
    rule = Rule(name="crm", rate=2)
    for _ in range(10):
        bucket.ask(rule)
    assert bucket.table.writes() == 10


def test_who_never_saw_the_key_asks_twice_at_the_most(bucket: Bucket) -> None:
    rule = Rule(name="crm", rate=2)
    bucket.ask(rule)
    bucket.ask(rule, fresh=True)
    assert bucket.table.writes() == 3


def test_keys_have_slots_of_their_own(bucket: Bucket) -> None:
    rule = Rule(name="crm", rate=1 / 60)
    assert (bucket.ask(rule, "a"), bucket.ask(rule, "b")) == (0, 0)


def test_what_expires_is_long_over(bucket: Bucket) -> None:
    bucket.ask(Rule(name="crm", rate=1))
    assert bucket.table.items()["k"]["expires_at"] >= NOW + 86_400


def test_an_answer_that_took_long_is_no_slot_any_more(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([NOW, NOW, NOW + 30, *[NOW + 30] * 20])
    monkeypatch.setattr(time, "time", lambda: next(times))
    assert slot.reserve(Rule(name="crm", rate=1), "k") / SECOND == NOW + 30


def test_a_table_that_is_away_lets_nobody_through(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.runtime.table.PATIENCE", 0.0)
    bucket.table.answers = [refusal("ThrottlingException")]
    with pytest.raises(Unavailable, match="busy"):
        bucket.ask(Rule(name="crm", rate=1))


STEPS = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 3), st.booleans()), min_size=1, max_size=60)


def _most(times: list[float], seconds: float) -> int:
    """How many there are within so many seconds, the last moment excluded."""
    ordered = sorted(times)
    return max(sum(1 for other in ordered if begin <= other < begin + seconds) for begin in ordered)


@given(rate=st.sampled_from([0.5, 1, 2, 3, 7.5, 50]), burst=st.integers(3, 6), steps=STEPS)
def test_no_window_holds_more_than_the_rate_and_the_burst(rate: float, burst: int, steps: list[Any]) -> None:
    """Whoever asks when, for how much, and whatever each worker has seen before."""
    with pytest.MonkeyPatch.context() as patch:
        bucket, rule = _bucket(patch), Rule(name="crm", rate=rate, burst=burst)
        given_away: list[float] = []
        for after, cost, fresh in steps:
            bucket.at += after if after > 1 else 0
            given_away += [bucket.ask(rule, cost=cost, fresh=fresh)] * cost
        for seconds in (1, 2, 10):
            assert _most([round(each, 4) for each in given_away], seconds - 0.001) <= rate * seconds + burst


@given(rate=st.sampled_from([0.5, 2, 10]), steps=st.lists(st.tuples(st.floats(0, 2), st.floats(-2, 2)), max_size=50))
def test_clocks_that_differ_by_seconds_make_no_slot_twice(rate: float, steps: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        bucket, rule = _bucket(patch), Rule(name="crm", rate=rate)
        given_away = []
        for after, skew in steps:
            bucket.at += after
            given_away.append(bucket.ask(rule, skew=skew, fresh=True))
        gaps = [later - earlier for earlier, later in itertools.pairwise(given_away)]
        assert all(gap >= 1 / rate - 0.001 for gap in gaps), "they are given in order, an interval apart"
