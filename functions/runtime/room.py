"""How many at once: a key has so many places, and whoever works holds one of them until it leaves or must be over.

A place is an attribute of the key's item: who holds it, and until when, written as text that sorts by that time. Taking
a free one is one conditional write, and leaving it another. Who dies leaves its place behind, which is free again once
its function cannot run any more.
"""

from __future__ import annotations

import random
import time
from uuid import uuid4

from msgspec import Struct

from functions.contracts.environment import DAY
from functions.contracts.limit import KEY, TABLE, Rule
from functions.runtime.table import ConditionFailed, Item, Table

MARGIN = 5
"""Seconds that a place is held beyond the end of its function: clocks differ, and Lambda takes a moment to end one."""
TRIES = 5
"""Writes for one place, at the most; each that fails says which are free."""

LIMITS = Table(TABLE)


class Place(Struct, frozen=True):
    """A place that is held: the item's key, the attribute, and what stands there."""

    key: str
    name: str
    holder: str


def enter(rule: Rule, key: str, seconds: float) -> Place | None:
    """Take a place of the key for so many seconds, at the most; None if all are held. Raises the table's errors."""
    places = [f"p{number}" for number in range(rule.at_once or 0)]
    until = time.time() + seconds + MARGIN
    holder = f"{_stamp(until)} {uuid4().hex}"
    free = places
    for _ in range(TRIES):
        name = random.choice(free)
        try:
            LIMITS.update(
                {KEY: key},
                "SET #place = :mine, expires_at = :expires",
                condition="attribute_not_exists(#place) OR #place < :now",
                names={"#place": name},
                values={":mine": holder, ":now": _stamp(time.time()), ":expires": int(until) + DAY},
            )
            return Place(key, name, holder)
        except ConditionFailed as failed:
            item = failed.item or {}
        mine = next((each for each in places if item.get(each) == holder), None)
        if mine:  # the answer to the write before was lost
            return Place(key, mine, holder)
        free = [each for each in places if _is_free(item, each)]
        if not free:
            return None
    return None


def leave(place: Place) -> None:
    """Give the place up, unless it is somebody else's by now. Raises the table's errors."""
    try:
        LIMITS.update(
            {KEY: place.key},
            "REMOVE #place",
            condition="#place = :mine",
            names={"#place": place.name},
            values={":mine": place.holder},
        )
    except ConditionFailed:
        return


def _is_free(item: Item, place: str) -> bool:
    return str(item.get(place, "")) < _stamp(time.time())


def _stamp(at: float) -> str:
    """Epoch milliseconds as text that sorts as the number does."""
    return f"{round(at * 1000):014}"
