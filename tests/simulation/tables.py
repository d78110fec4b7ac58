"""DynamoDB: items under conditional writes and transactions, and every write that was applied, in order.

Two transactions, or a transaction and a write, on one item at nearly the same time conflict; reads are consistent.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
An item, which is never spread over partitions, takes a thousand write units a second, whether conditions hold or not.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tests.aws import dynamodb
from tests.aws.errors import ServiceError
from tests.aws.expression import Invalid, Item
from tests.simulation.clock import Clock
from tests.simulation.evidence import Write
from tests.simulation.wire import Call

TRANSACTION = 0.015
"""Seconds for which a transaction holds its items."""
TOKEN = 600
"""Seconds for which a transaction's ClientRequestToken is remembered."""
UNIT = 1024
"""Bytes of an item that a write unit covers; in a transaction it covers half."""
UNITS = 1000
"""Write units that an item takes in a second."""

Allowed = Callable[[str, str, str], bool]
"""Whether a function may do an action of DynamoDB on a table."""


class Tables:
    """All tables, `keys` saying the partition key of each; `random` draws what a partial answer leaves undone."""

    def __init__(self, keys: Mapping[str, str], clock: Clock, random: Random, allowed: Allowed) -> None:
        self.items: dict[str, dict[str, Item]] = {table: {} for table in keys}
        self.history: list[Write] = []
        self._keys = keys
        self._clock = clock
        self._random = random
        self._allowed = allowed
        self.calls: Counter[str] = Counter()
        """How often each operation was asked for, and each error answered."""
        self.units: dict[str, float] = defaultdict(float)
        """Write units that were used, by table."""
        self._room: dict[tuple[str, str], tuple[float, float]] = {}
        self._held: dict[tuple[str, str], float] = {}
        self._tokens: dict[str, float] = {}

    def answer(self, call: Call) -> dict[str, Any]:
        """What DynamoDB answers. Raises `ServiceError`, and `LookupError` for a call that is not modelled."""
        operations = {
            "GetItem": self._get,
            "BatchGetItem": self._get_batch,
            "PutItem": self._put,
            "UpdateItem": self._update,
            "DeleteItem": self._delete,
            "TransactWriteItems": self._transact,
            "BatchWriteItem": self._batch,
        }
        if call.operation not in operations:
            raise LookupError(f"the simulation has no {call.operation}; add it to tables.py")
        self.calls[call.operation] += 1
        try:
            dynamodb.check(call.operation, call.body)
            return operations[call.operation](call)
        except Invalid as error:
            self.calls["ValidationException"] += 1
            raise ServiceError(400, "ValidationException", str(error)) from error
        except ServiceError as error:
            self.calls[error.code] += 1
            raise

    def unheard(self, call: Call) -> None:
        """Nobody asks: every write is in the history."""

    def write(self, table: str, item: Item) -> None:
        """Store an item, as a person does."""
        self._apply("a person", table, item[self._keys[table]]["S"], item)

    def _get(self, call: Call) -> dict[str, Any]:
        table = self._table(call, "GetItem", call.body["TableName"])
        item = self.items[table].get(self._key(table, call.body["Key"]))
        return {"Item": item} if item else {}

    def _get_batch(self, call: Call) -> dict[str, Any]:
        keys = [(table, key) for table, asked in call.body["RequestItems"].items() for key in asked["Keys"]]
        dynamodb.check_count("BatchGetItem", [(table, self._key(table, key)) for table, key in keys])
        found: dict[str, list[Item]] = {table: [] for table, _ in keys}
        left: dict[str, Any] = {}
        for table, key in keys:
            item = self.items[self._table(call, "BatchGetItem", table)].get(self._key(table, key))
            if call.partial and self._random.random() < 0.5:
                left.setdefault(table, call.body["RequestItems"][table] | {"Keys": []})["Keys"].append(key)
            elif item:
                found[table].append(item)
        return {"Responses": found, "UnprocessedKeys": left}

    def _put(self, call: Call) -> dict[str, Any]:
        before, _ = self._alone(call, "PutItem")
        return {"Attributes": before} if before and call.body.get("ReturnValues") == "ALL_OLD" else {}

    def _update(self, call: Call) -> dict[str, Any]:
        before, after = self._alone(call, "UpdateItem")
        wanted = {"ALL_NEW": after, "ALL_OLD": before}.get(call.body.get("ReturnValues", "NONE"))
        return {"Attributes": wanted} if wanted else {}

    def _delete(self, call: Call) -> dict[str, Any]:
        self._alone(call, "DeleteItem")
        return {}

    def _alone(self, call: Call, action: str) -> tuple[Item | None, Item | None]:
        table, key = self._target(call, action, call.body)
        if self._held.get((table, key), 0) > self._clock.now:
            raise ServiceError(400, "TransactionConflictException", "Transaction is ongoing for the item")
        before = self.items[table].get(key)
        held = dynamodb.holds(call.body, before)
        after = dynamodb.after(action, call.body, before) if held else before
        if not self._takes(table, key, _units(before, after)):
            raise ServiceError(400, "ThrottlingException", "Throughput exceeds the limit of a key range")
        if not held:
            raise dynamodb.condition_failed(call.body, before)
        self._apply(call.worker.name, table, key, after)
        return before, after

    def _transact(self, call: Call) -> dict[str, Any]:
        token, now = call.body["ClientRequestToken"], self._clock.now
        actions = [next(iter(action.items())) for action in call.body["TransactItems"]]
        targets = [
            self._target(call, "ConditionCheckItem" if kind == "ConditionCheck" else f"{kind}Item", body)
            for kind, body in actions
        ]
        dynamodb.check_count("TransactWriteItems", targets)
        if self._tokens.get(token, 0) > now:
            return {}
        reasons = [self._reason(body, target) for (_, body), target in zip(actions, targets, strict=True)]
        codes = ", ".join(reason["Code"] for reason in reasons)
        if any(reason["Code"] != "None" for reason in reasons):
            raise ServiceError(
                400, "TransactionCanceledException", f"Transaction cancelled [{codes}]", CancellationReasons=reasons
            )
        writes = [
            (table, key, dynamodb.after(f"{kind}Item", body, self.items[table].get(key)))
            for (kind, body), (table, key) in zip(actions, targets, strict=True)
            if kind != "ConditionCheck"
        ]
        for table, key, after in writes:
            self._apply(call.worker.name, table, key, after)
        for target in targets:
            self._held[target] = now + TRANSACTION
        self._tokens[token] = now + TOKEN
        return {}

    def _reason(self, body: dict[str, Any], target: tuple[str, str]) -> dict[str, Any]:
        table, key = target
        if self._held.get(target, 0) > self._clock.now:
            return {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
        before = self.items[table].get(key)
        if not self._takes(table, key, 2 * _units(before, body.get("Item"))):
            return {"Code": "ThrottlingError", "Message": "Throughput exceeds the limit of a key range"}
        if dynamodb.holds(body, before):
            return {"Code": "None"}
        shown = dynamodb.shown(body, before)
        return {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"} | shown

    def _batch(self, call: Call) -> dict[str, Any]:
        requests = [(table, request) for table, each in call.body["RequestItems"].items() for request in each]
        keys = [
            (table, self._key(table, request.get("PutRequest", {}).get("Item") or request["DeleteRequest"]["Key"]))
            for table, request in requests
        ]
        dynamodb.check_count("BatchWriteItem", keys)
        left: dict[str, list[Any]] = {}
        for table, request in requests:
            self._table(call, "BatchWriteItem", table)
            if call.partial and self._random.random() < 0.5:
                left.setdefault(table, []).append(request)
            elif "PutRequest" in request:
                item = request["PutRequest"]["Item"]
                self._apply(call.worker.name, table, self._key(table, item), item)
            else:
                self._apply(call.worker.name, table, self._key(table, request["DeleteRequest"]["Key"]), None)
        return {"UnprocessedItems": left}

    def _target(self, call: Call, action: str, body: dict[str, Any]) -> tuple[str, str]:
        table = self._table(call, action, body["TableName"])
        return table, self._key(table, body.get("Item") or body["Key"])

    def _table(self, call: Call, action: str, table: str) -> str:
        if not self._allowed(call.worker.function, f"dynamodb:{action}", table):
            raise ServiceError(
                400, "AccessDeniedException", f"{call.worker.function} may not dynamodb:{action} on {table}"
            )
        if table not in self.items:
            raise ServiceError(400, "ResourceNotFoundException", "Requested resource not found")
        return table

    def _key(self, table: str, item: Item) -> str:
        return dynamodb.key_of(self._keys[table], item)

    def _takes(self, table: str, key: str, units: float) -> bool:
        """Whether the item takes so much more now."""
        now = self._clock.now
        room, since = self._room.get((table, key), (UNITS, now))
        room = min(UNITS, room + (now - since) * UNITS)
        taken = room >= units
        self._room[table, key] = (room - units if taken else room), now
        self.units[table] += units if taken else 0
        return taken

    def _apply(self, worker: str, table: str, key: str, after: Item | None) -> None:
        before = self.items[table].get(key)
        self.history.append(Write(self._clock.now, worker, table, key, before, after))
        if after is None:
            self.items[table].pop(key, None)
        else:
            self.items[table][key] = after


def _units(*items: Item | None) -> int:
    """Write units of the largest of the items."""
    return max((math.ceil(dynamodb.size(item) / UNIT) for item in items if item), default=1)
