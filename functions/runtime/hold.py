"""Taking from counters that many want at once, such as pieces of an article or hours of an agent, without transactions.

Transactions on one item take turns, some 60 a second; of single writes it takes a thousand. So what a message takes is
taken in three steps, each of them one conditional write:

1. A *hold* on each counter: less is left, and an attribute of the same item says for whom.
2. The *record* of what came of it, stored once: for all of the holds in it, or for none because something was short.
3. A hold that the record has is settled, any other is undone: the attribute goes, and what it held is left again.

Only the second step decides, and it is decided once. A worker may die anywhere: whoever meets a hold next, a later
delivery of the same message or another message, reads in the record what to do with it. A hold without a record keeps
what it holds until its message comes back, from the dead-letter queue if need be.

Each HTTP request for a hold has a token of its own, so none is held twice. What botocore repeats finds the hold of the
request before, or makes another. A request that was given up and arrives when all is over makes a hold that no record
has, which is undone like any other.

A name whose record is `withdrawn` that often starts anew: no hold from before then can come into its record any more,
so each may be undone. That is how a message that is rejected gives back what it holds.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from functions.runtime.clients import ONE_REQUEST
from functions.runtime.errors import Reject, Retry, Unavailable
from functions.runtime.log import log
from functions.runtime.table import ConditionFailed, Item, Table

MOST = 99
"""Counters that one message may take from: two calls each, and ten such messages fit into the time of a batch."""
FORGOTTEN = 60
"""Seconds after which another message looks whether a hold was left behind. It may always look; this saves calls."""
ROUNDS = 10
PREFIX = "hold:"


class Unknown(Exception):
    """Nothing was taken, because there are no counters of these `keys`."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__(f"There is no counter {', '.join(keys)}.")
        self.keys = keys


class Taken(Struct, frozen=True):
    """What came of it: the counters that were `short`, so that nothing was taken; `again` if that stood before."""

    short: tuple[str, ...]
    again: bool


class Counters(Struct, frozen=True):
    """Counters and the records of what was taken from them.

    `counters` are items of `key` with a whole number in `amount`; grant GetItem and UpdateItem. `records` are items of
    `name_key`; grant GetItem and PutItem. Give the consumer a `concurrency` of 20: that many holds fit into a kilobyte,
    which a write unit covers, and an item takes a thousand units a second; more workers at once would be slower.
    """

    counters: Table
    key: str
    amount: str
    records: Table
    name_key: str

    def take(self, name: str, wanted: Mapping[str, int], *, first: bool = False) -> Taken:
        """Take the `wanted` amount from each counter, or nothing, once for each `name`.

        `first` says that the name was probably never seen, which saves a read. What others hold counts as taken. Raises
        `Unknown`, `Reject` for too many counters, and `Retry` if other deliveries of the same message are in the way.
        """
        if len(wanted) > MOST:
            raise Reject(f"{name} takes from {len(wanted)} counters, but {MOST} are the most of one message; split it.")
        record = {} if first else self._record(name)
        if _decided(record):
            self._settle_all(name, self._holds(name, wanted), record)
        for _ in range(ROUNDS):
            if _decided(record):
                return Taken(tuple(record.get("short", ())), again=True)
            attempt = _Attempt(self, name, record)
            try:
                short = attempt.hold(wanted)
            except (Unknown, _Moved) as problem:
                if attempt.held or isinstance(problem, _Moved):
                    record = self._withdrawn(name, record)
                    self._settle_all(name, attempt.held, record)
                if isinstance(problem, Unknown) and not _decided(record):
                    raise
                continue
            holds = {} if short else {key: hold["token"] for key, hold in attempt.held.items()}
            own = {"quantities": dict(wanted), "short": list(short), "holds": holds}
            record = self._stored(name, own, record)
            self._settle_all(name, attempt.held, record)
            if all(record.get(field) == value for field, value in own.items()):
                return Taken(short, again=False)
        raise Retry(f"Other deliveries of {name} are in the way.")

    def settle(self, name: str, key: str, hold: Item, record: Item) -> Item | None:
        """Do with a hold what its record says. The counter after that; None if nothing was to be done.

        Raises `ConditionFailed` if someone else did it.
        """
        if _decided(record):
            taken = record.get("holds", {}).get(key) == hold["token"]
        elif _generation(record) > _generation(hold):
            taken = False
        else:
            return None
        return self.counters.update(
            {self.key: key},
            "REMOVE #hold" if taken else "SET #amount = #amount + :quantity REMOVE #hold",
            condition="#hold = :hold",
            names={"#hold": PREFIX + name} | ({} if taken else {"#amount": self.amount}),
            values={":hold": hold} | ({} if taken else {":quantity": hold["quantity"]}),
        )

    def give_back(self, key: str, others: Mapping[str, Item]) -> bool:
        """Undo those of the holds that no record can want any more; whether there may be more left now."""
        more = False
        for name, hold in others.items():
            record = self._record(name)
            try:
                more |= self.settle(name, key, hold, record) is not None
            except ConditionFailed:
                more = True
        return more

    def _settle_all(self, name: str, holds: Mapping[str, Item], record: Item) -> None:
        # The outcome stands. What fails here is done by whoever meets the hold next.
        for key, hold in holds.items():
            try:
                counter = self.settle(name, key, hold, record)
                forgotten = [each for each in others(counter or {}, name).items() if _is_forgotten(each[1])]
                if forgotten:
                    # One at most: those of dead letters stay, and would be looked at by everyone.
                    self.give_back(key, dict([random.choice(forgotten)]))
            except ConditionFailed:
                continue
            except (ClientError, BotoCoreError, Unavailable) as error:
                log("WARNING", "hold not settled", error=str(error), hold=name, counter=key)

    def _holds(self, name: str, wanted: Mapping[str, int]) -> dict[str, Item]:
        counters = {key: self.counters.get({self.key: key}) or {} for key in wanted}
        return {key: counter[PREFIX + name] for key, counter in counters.items() if PREFIX + name in counter}

    def _record(self, name: str) -> Item:
        return self.records.get({self.name_key: name}) or {}

    def _withdrawn(self, name: str, before: Item) -> Item:
        return self._stored(name, {"withdrawn": _generation(before) + 1}, before)

    def _stored(self, name: str, content: Item, before: Item) -> Item:
        """The record as it stands: `content`, unless someone stored another since `before`."""
        item = {self.name_key: name} | content
        names = {"#name": self.name_key}
        condition, values = "attribute_not_exists(#name)", {}
        if before:
            names = {"#withdrawn": "withdrawn"}
            condition, values = "#withdrawn = :withdrawn", {":withdrawn": before["withdrawn"]}
        try:
            self.records.put(item, condition=condition, names=names, values=values)
        except ConditionFailed as standing:
            return standing.item or {}
        return item


class _Moved(Exception):
    """Another delivery of the same message began anew, or a hold is not what this one would make."""


class _Attempt:
    """Holds of `name`, as good as its `record` stays as it was; `held` is what there is by counter."""

    def __init__(self, counters: Counters, name: str, record: Item) -> None:
        self._of = counters
        self._name = name
        self._generation = _generation(record)
        self.held: dict[str, Item] = {}

    def hold(self, wanted: Mapping[str, int]) -> tuple[str, ...]:
        """Hold all that there is of them; the keys of the counters that are short. Raises `Unknown` and `_Moved`."""
        states = {key: self._hold(key, quantity) for key, quantity in wanted.items()}
        unknown = tuple(key for key, state in states.items() if state == "unknown")
        if unknown:
            raise Unknown(unknown)
        return tuple(key for key, state in states.items() if state == "short")

    def _hold(self, key: str, quantity: int) -> str:
        of, name = self._of, PREFIX + self._name
        # Small, because every write of the counter costs a unit for each kilobyte that it has.
        mine: Item = {"quantity": quantity, "token": ONE_REQUEST, "since": int(time.time())}
        if self._generation:
            mine["withdrawn"] = self._generation
        while True:
            try:
                held = of.counters.update(
                    {of.key: key},
                    "SET #amount = #amount - :quantity, #hold = :hold",
                    condition="#amount >= :quantity AND attribute_not_exists(#hold)",
                    names={"#amount": of.amount, "#hold": name},
                    values={":quantity": quantity, ":hold": mine},
                )
            except ConditionFailed as refused:
                counter = refused.item
            else:
                self.held[key] = held[name]
                return "held"
            if counter is None:
                return "unknown"
            standing = counter.get(name)
            if standing is None:
                in_the_way = others(counter, self._name)
                possible = counter.get(of.amount, 0) + sum(hold["quantity"] for hold in in_the_way.values())
                if possible < quantity or not of.give_back(key, in_the_way):
                    return "short"
            elif (_generation(standing), standing["quantity"]) == (self._generation, quantity):
                # Ours, whose answer was lost, or another delivery's: the record takes one as well as the other.
                self.held[key] = standing
                return "held"
            elif _generation(standing) < self._generation:
                self._undo(key, standing)
            else:
                raise _Moved

    def _undo(self, key: str, hold: Item) -> None:
        try:
            self._of.settle(self._name, key, hold, {"withdrawn": self._generation})
        except ConditionFailed:
            return


def others(counter: Item, name: str) -> dict[str, Item]:
    """The holds on the counter by their names, but for that of `name`."""
    return {
        attribute.removeprefix(PREFIX): hold
        for attribute, hold in counter.items()
        if attribute.startswith(PREFIX) and attribute != PREFIX + name
    }


def _decided(record: Item) -> bool:
    return bool(record) and "withdrawn" not in record


def _generation(record_or_hold: Item) -> int:
    return int(record_or_hold.get("withdrawn", 0))


def _is_forgotten(hold: Item) -> bool:
    return bool(hold["since"] < time.time() - FORGOTTEN)
