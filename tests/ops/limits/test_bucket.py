"""What a bucket says is what the runtime would do: its slots and its places, counted by its own code."""

from __future__ import annotations

from typing import Any

import pytest

from functions.contracts.limit import Rule
from functions.runtime import room, slot
from functions.runtime.table import ConditionFailed
from ops.limits.bucket import HELD_BACK, bucket

NOW = 1_795_300_000.0
KEY = "item"


class Counts:
    """The table, where one item counts."""

    def __init__(self) -> None:
        self.item: dict[str, Any] = {}

    def update(self, _: object, change: str, **said: Any) -> dict[str, Any]:
        values, names = said["values"], said.get("names", {})
        if "#place" in names:
            place = names["#place"]
            if change.startswith("REMOVE"):
                del self.item[place]
            elif place in self.item and self.item[place] >= values[":now"]:
                raise ConditionFailed(self.item)
            else:
                self.item[place] = values[":mine"]
            return self.item
        given = self.item.get("given", 0)
        if (given > values[":now"]) != (":share" in values):
            raise ConditionFailed(self.item)
        self.item["given"] = given + values[":share"] if ":share" in values else values[":then"]
        return self.item


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counts = Counts()
    monkeypatch.setattr(slot, "LIMITS", counts)
    monkeypatch.setattr(room, "LIMITS", counts)
    monkeypatch.setattr(slot, "_seen", {})
    monkeypatch.setattr("time.time", lambda: NOW)
    return counts


@pytest.mark.parametrize(("rate", "burst"), [(2, 5), (50, 1), (1 / 60, 1), (0.3, 4), (500, 100)])
def test_it_says_which_slot_the_next_one_would_be_given(counts: Counts, rate: float, burst: int) -> None:
    rule = Rule(name="crm", rate=rate, burst=burst)
    seen: list[int] = []
    for _ in range(burst + 7):
        found = bucket(rule, None, counts.item or None, None, NOW)
        at = slot.now()
        assert found.left == max(burst - len(seen), 0)
        assert found.promised == sum(each > at for each in seen)
        assert found.last == pytest.approx(max((each - at for each in seen), default=0) / slot.SECOND)
        seen.append(slot.reserve(rule, KEY))
        assert found.next == pytest.approx((seen[-1] - at) / slot.SECOND)


def test_more_than_a_minute_ahead_holds_back(counts: Counts) -> None:
    rule = Rule(name="crm", rate=0.1)
    for _ in range(7):
        slot.reserve(rule, KEY)
    assert not bucket(rule, None, counts.item, None, NOW).holds_back, "the last of them waits 60 s"
    slot.reserve(rule, KEY)
    found = bucket(rule, None, counts.item, None, NOW)
    assert found.holds_back
    assert not found.is_quiet
    assert bucket(rule, None, counts.item, None, NOW + HELD_BACK + 30).is_quiet, "its time has passed"


def test_places_that_are_held_are_counted_until_their_time_is_over(counts: Counts) -> None:
    rule = Rule(name="crm", at_once=3)
    held = [room.enter(rule, KEY, 10) for _ in range(4)]
    assert held[3] is None
    assert bucket(rule, None, None, counts.item, NOW).taken == 3
    assert held[0] is not None
    room.leave(held[0])
    assert bucket(rule, None, None, counts.item, NOW).taken == 2
    assert bucket(rule, None, None, counts.item, NOW + 10 + room.MARGIN + 1).taken == 0, "their workers died"


@pytest.mark.parametrize("given", ["x", None, {"a": 1}, -1])
def test_what_others_wrote_into_the_item_counts_as_nothing(given: Any) -> None:
    found = bucket(Rule(name="crm", rate=1, at_once=1), None, {"given": given}, {"p0": given, "px": "9"}, NOW)
    assert (found.promised, found.left, found.next) == (0, 1, 0)
    assert found.taken == 0
    assert found.counted


def test_of_nothing_it_says_that_nothing_is_counted() -> None:
    found = bucket(Rule(name="crm", rate=1), None, None, None, NOW)
    assert not found.counted
    assert (found.left, found.taken) == (1, None)
