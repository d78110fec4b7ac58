"""Order through dead letters: where a queue parks, nothing is attempted while something before it in its group is dead.

A message that failed before may die of its next failure, and nobody is there to say so. So it takes a place in its
group's item before it is attempted again, and everything of its group in the batch with it. A FIFO queue hands out
nothing of a group while what stands before it is there. So a consumer that meets the place of another message before
that of its own, and does not have the other in its batch, knows that the other is dead: its own follows.
docs/consumer.md has the whole argument.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from functions.contracts.parked import (
    EMPTY,
    EXPIRES_AT,
    GROUP,
    TURN,
    Place,
    held,
    identity,
    item_key,
    places,
    sequence,
    until,
)
from functions.runtime import clients
from functions.runtime.clients import client
from functions.runtime.deadline import left, within
from functions.runtime.errors import GroupParked, OutOfTime, Retry, Unavailable
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import ConditionFailed, Item, plain, typed

DAY = 24 * 60 * 60
READS = 5
"""Times that keys are asked for while DynamoDB leaves some unprocessed."""
FIRST_WAIT = 0.05
"""Seconds before they are asked for again, at the most; twice as many each time, and a quarter of what is left."""
FORGOTTEN = 50
"""Places that one write removes because their messages are gone: an expression has 4 KB at the most.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


class Parking:
    """What of a batch is parked, by group; nothing on a queue that does not park. `problem` stops the whole batch."""

    def __init__(self) -> None:
        self.lanes: dict[str | None, Lane] = {}
        self.problem: Exception | None = None
        self._untold: set[str | None] = set()

    @classmethod
    def read(cls, batch: Sequence[Record], settings: Settings, seconds: float) -> Self:
        """Read the groups of the batch in one call, and enter what may die into its group: a call a group in trouble.

        Raises nothing: what could not be read or entered within `seconds` has its `verdict`.
        """
        parking = cls()
        if not settings.parks or not batch:
            return parking
        groups: dict[str | None, list[Record]] = {}
        for record in batch:
            groups.setdefault(record.group, []).append(record)
        keys = {group: item_key(settings.service, group or "") for group in groups}

        def enter() -> None:
            items = _items(list(keys.values()), str(settings.parked_table))
            for group, records in groups.items():
                item = items.get(keys[group], {})
                if item is None:
                    parking._untold.add(group)
                elif held(places(item), time.time()) or any(record.attempt > 1 for record in records):
                    parking.lanes[group] = Lane(keys[group], item, records, settings)
            parking.problem = None
            for lane in parking.lanes.values():
                lane.enter()

        parking.problem = Unavailable("The time ran out before it was known what is parked.")
        try:
            within(seconds, enter)
        except OutOfTime:
            clients.replace()  # what is not known is said already, for the batch or for each of its groups
        except (ClientError, BotoCoreError) as error:
            parking.problem = _unavailable("It could not be read what is parked", error)
        return parking

    def order(self, batch: Sequence[Record]) -> list[Record]:
        """The batch in the order in which it is to be handled: in a group in trouble that of its places."""
        turns = {group: iter(lane.records) for group, lane in self.lanes.items()}
        return [next(turns[record.group]) if record.group in turns else record for record in batch]

    def verdict(self, record: Record) -> Exception | None:
        """Why the record cannot be attempted now; None if it can. To be asked right before the attempt, in `order`.

        `GroupParked` sends it to the dead-letter queue, `Unavailable` is no failure of its own, and `Retry` says that
        its group changed meanwhile. A record whose group failed before it in the batch is blocked and must not be asked
        for.
        """
        if record.group in self._untold:
            return Unavailable("DynamoDB was too busy to tell what of its group is parked.")
        lane = self.lanes.get(record.group)
        return self.problem or (lane.verdict(record) if lane else None)

    def done(self, records: Sequence[Record], seconds: float) -> dict[str, BaseException]:
        """Give up the places of records whose effects and events are there, a call a group; why not, by record id.

        A record that keeps its place must be reported as failed: it comes back, is a duplicate, and gives it up then.
        """
        mine = {group: [record for record in records if record.group == group] for group in self.lanes}
        late = OutOfTime("It is done; the time ran out before it could give up its place in its group.")
        problems: dict[str, BaseException] = {record.id: late for each in mine.values() for record in each}

        def leave() -> None:
            for group, lane in self.lanes.items():
                try:
                    lane.leave(mine[group])
                except (ClientError, BotoCoreError) as error:
                    problem = _unavailable("It is done, but could not give up its place in its group", error)
                    problems.update({record.id: problem for record in mine[group]})
                else:
                    for record in mine[group]:
                        del problems[record.id]

        try:
            if problems:
                within(seconds, leave)
        except OutOfTime:
            clients.replace()
        return problems


class Lane:
    """A group in which something is dead or may die. `records` are those of the batch, in the order of their places."""

    def __init__(self, key: str, item: Item, records: Sequence[Record], settings: Settings) -> None:
        now, known = time.time(), places(item)
        self._key = key
        self._turn: str | None = item.get(TURN)
        self._table = str(settings.parked_table)
        self._life = until(now, settings.retention)
        self._forgotten = [place.name for place in known if place.until <= now][:FORGOTTEN]
        self._problem: Exception | None = Unavailable("The time ran out before it had a place in its group.")
        self._stale: list[Place] = []
        self._new: list[Place] = []
        self._mine: dict[str, Place] = {}
        others = self._match(records, held(known, now))
        self._places = sorted([*others, *self._mine.values()])
        self._waiting = list(self._places)
        self.records = sorted(records, key=lambda record: self._mine[record.id])

    def _match(self, records: Sequence[Record], known: list[Place]) -> list[Place]:
        """Find the place of each record, or make one behind those that are there; the places of others."""
        free = list(known)
        taken = {place.sequence for place in known}
        for position, record in enumerate(records):
            mine = identity(
                record.body,
                key=record.idempotency_key,
                received_at=record.received_at,
                parked_as=record.parked_as,
            )
            own = next((place for place in free if place.identity == mine), None)
            if own:
                free.remove(own)
                place = Place(own.sequence, mine, self._life)
                # Written once a day at the most, however often the message comes.
                if own.until < self._life - DAY:
                    self._stale.append(place)
            else:
                number = sequence(record.sequence, record.sent, position)
                while number in taken:  # an emulator may number nothing
                    number = str(int(number) + 1).zfill(len(number))
                taken.add(number)
                place = Place(number, mine, self._life)
                self._new.append(place)
            self._mine[record.id] = place
        return free

    def enter(self) -> None:
        """Write the places that are new; nothing is attempted before that is done."""
        written = [*self._new, *self._stale]
        try:
            if written:
                self._update(self._life, {place.name: place.value for place in written}, self._forgotten)
        except ClientError as error:
            if not _too_large(error):
                self._problem = _unavailable("It could not take a place in its group", error)
                return
            # As many places as fit are taken. Who has none follows the others, and stands in no order among his like.
            self._waiting = [place for place in self._waiting if place not in self._new]
        except BotoCoreError as error:
            self._problem = _unavailable("It could not take a place in its group", error)
            return
        except ConditionFailed:
            # What was read is not true any more, and perhaps these messages are not this worker's.
            self._problem = Retry("Its group changed while it took its place.")
            return
        self._problem = None

    def verdict(self, record: Record) -> Exception | None:
        """Why the record cannot be attempted; None if it is its turn, which passes with that to the next."""
        if self._problem:
            return self._problem
        if not self._waiting:
            return Retry("There is no room for its place in its group, until another is given up.")
        if self._mine[record.id] != self._waiting[0]:
            return GroupParked(f"behind {self._waiting[0].identity}")
        del self._waiting[0]
        return None

    def leave(self, records: Sequence[Record]) -> None:
        """Remove the places of the records; an item without places expires."""
        if not records:
            return
        gone = {self._mine[record.id].name for record in records}
        while True:
            there = [place for place in self._places if place.name not in gone]
            try:
                self._update(self._life if there else int(time.time()) + EMPTY, {}, sorted(gone))
            except ConditionFailed as changed:
                # Someone else took a place away, such as an operator: it is no less done because of that.
                self._places, self._turn = places(changed.item), (changed.item or {}).get(TURN)
                gone &= {place.name for place in self._places}
                if not gone:
                    return
            else:
                self._places = there
                return

    def _update(self, expires_at: int, values: Mapping[str, str], gone: Sequence[str]) -> None:
        """Change the item if it is as it was read, or if this very call has done it already."""
        turn = uuid4().hex[:8]
        told = {":expires_at": expires_at, ":turn": turn} | {f":{name}": value for name, value in values.items()}
        read = f"attribute_not_exists({TURN})"
        if self._turn:
            told[":read"], read = self._turn, f"{TURN} = :read"
        sets = [f"{EXPIRES_AT} = :expires_at", f"{TURN} = :turn", *(f"{name} = :{name}" for name in values)]
        change = f"SET {', '.join(sets)}"
        if gone:
            change += f" REMOVE {', '.join(gone)}"
        try:
            client("dynamodb").update_item(
                TableName=self._table,
                Key=typed({GROUP: self._key}),
                UpdateExpression=change,
                ConditionExpression=f"{read} OR {TURN} = :turn",
                ExpressionAttributeValues=typed(told),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise ConditionFailed(plain(error.response.get("Item") or {})) from error
        self._turn = turn


def _items(keys: Sequence[str], table: str) -> dict[str, Item | None]:
    """The items with those keys, as far as there are any; None for what is not told. Raises botocore's errors."""
    asked: dict[str, Any] = {table: {"Keys": [typed({GROUP: key}) for key in keys], "ConsistentRead": True}}
    found: dict[str, Item | None] = {}
    longest = FIRST_WAIT
    for again in range(READS):
        if again:
            time.sleep(random.uniform(0, min(longest, left() / 4)))
            longest *= 2
        answer = client("dynamodb").batch_get_item(RequestItems=asked)
        for item in answer["Responses"].get(table, []):
            told = plain(item)
            found[told[GROUP]] = told
        asked = answer.get("UnprocessedKeys") or {}
        if not asked:
            return found
    return found | {key[GROUP]["S"]: None for key in asked[table]["Keys"]}


def _unavailable(what: str, error: Exception) -> Unavailable:
    problem = Unavailable(f"{what}: {error}")
    problem.__cause__ = error
    return problem


def _too_large(error: ClientError) -> bool:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
    return error.response["Error"]["Code"] == "ValidationException" and "size" in error.response["Error"]["Message"]
