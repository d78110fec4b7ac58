"""On a queue that parks each group goes in the order of its places, and who goes out of turn is known."""

from __future__ import annotations

from collections import Counter

import pytest

from functions.contracts.envelope import IDEMPOTENCY_KEY
from functions.contracts.parked import Place
from ops.redrive.reasons import LONGEST, MOST, OTHERS, count, shortened
from ops.redrive.turns import Turns
from ops.sqs.message import Message, Value


def dead(key: str, group: str | None) -> Message:
    system = {"MessageGroupId": group} if group is not None else {}
    return Message(f"id of {key}", "receipt", "{}", system, {IDEMPOTENCY_KEY: Value("String", key)})


def places(*keys: str) -> list[Place]:
    return [Place(f"{number:020}", key, 9_999_999_999) for number, key in enumerate(keys)]


def keys(batch: list[Message]) -> list[str]:
    return [message.message_attributes[IDEMPOTENCY_KEY].text for message in batch]


def test_each_group_is_put_in_the_order_of_its_places_and_stays_where_it_was_among_the_others() -> None:
    turns = Turns({"g": places("a", "b", "c", "a"), "h": places("x", "y")})
    batch = [dead(*each) for each in (("c", "g"), ("y", "h"), ("new", "g"), ("a", "g"), ("x", "h"), ("z", "other"))]
    assert keys(turns.order(batch)) == ["a", "x", "c", "new", "y", "z"]
    same_key_elsewhere = [dead("x", "g"), dead("a", "g")]
    assert keys(turns.order(same_key_elsewhere)) == ["a", "x"]


def test_what_has_no_place_keeps_the_order_it_came_in() -> None:
    batch = [dead(*each) for each in (("b", "g"), ("a", "g"), ("d", None), ("c", None))]
    assert keys(Turns({}).order(batch)) == ["b", "a", "d", "c"]
    assert keys(Turns({"": places("c", "d")}).order(batch)) == ["b", "a", "c", "d"], "no group is a group, too"


def test_whose_turn_it_is_goes_and_passes_it_on_and_who_is_not_is_behind_them() -> None:
    turns = Turns({"g": places("a", "b", "c"), "": places("n")})
    assert turns.sent == []
    told = [
        turns.take(dead(*each)) for each in (("b", "g"), ("a", "g"), ("c", "g"), ("b", "g"), ("c", "g"), ("z", "g"))
    ]
    assert told == ["a", None, "b", None, None, None]
    assert turns.take(dead("m", None)) == "n"
    assert turns.take(dead("n", None)) is None
    assert turns.take(dead("z", "another")) is None


def test_twenty_reasons_are_told_apart_and_more_of_them_are_counted_together() -> None:
    reasons: Counter[str] = Counter()
    for number in range(MOST + 3):
        count(reasons, f"reason {number}")
    count(reasons, "reason 0")
    assert (MOST, reasons[OTHERS], reasons["reason 0"], reasons["reason 19"]) == (20, 3, 2, 1)
    assert "reason 20" not in reasons


@pytest.mark.parametrize(("length", "shown"), [(LONGEST, "x" * 300), (LONGEST + 1, "x" * 300 + "…"), (1, "x")])
def test_a_reason_is_cut_where_it_gets_too_long(length: int, shown: str) -> None:
    reasons: Counter[str] = Counter()
    count(reasons, "x" * length)
    assert (shortened("x" * length), reasons) == (shown, {shown: 1})
