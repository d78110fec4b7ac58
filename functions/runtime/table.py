"""DynamoDB tables: conditional writes and reads in plain Python values, one call each.

An item that others write at the same moment, or a table that is throttled, is waited for a little: every function here
raises `Unavailable` if that does not help. `boto3.dynamodb.types` would do the translation, but importing it loads all
of boto3.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import uuid4

from botocore.exceptions import ClientError
from msgspec import Struct

from functions.contracts.environment import table_variable
from functions.runtime.clients import client
from functions.runtime.deadline import left
from functions.runtime.errors import Reject, Retry, Unavailable
from functions.runtime.settings import required
from functions.runtime.waiting import sleep

Item = dict[str, Any]
T = TypeVar("T")

MOST_ACTIONS = 100
# botocore repeats a throttled call for a second or two, and a call that met a transaction not at all.
BUSY = {
    *("TransactionConflictException", "TransactionInProgressException", "ThrottlingException"),
    *("ProvisionedThroughputExceededException", "RequestLimitExceeded"),
    # As reasons of a cancelled transaction:
    *("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"),
}
# Seconds between the calls, at the most: the first time, and however often.
FIRST_WAIT = 0.02
LONGEST_WAIT = 0.5
# Seconds for which a busy item is called again, and which share of the time that is left.
PATIENCE = 5.0
PATIENCE_SHARE = 1 / 3


class ConditionFailed(Exception):
    """A conditional write changed nothing; `item` is what stands there, or None."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("The condition of a write does not hold.")
        self.item = item


class Put(Struct, frozen=True, kw_only=True):
    """Store `item` where `condition` holds for what stands there."""

    table: Table
    item: Item
    condition: str
    names: Mapping[str, str] = {}
    values: Mapping[str, Any] = {}


class Update(Struct, frozen=True, kw_only=True):
    """Change the item of `key` by the update expression `change` where `condition` holds."""

    table: Table
    key: Item
    change: str
    condition: str | None = None
    names: Mapping[str, str] = {}
    values: Mapping[str, Any] = {}


class Table(Struct, frozen=True):
    """A table of the topology, by its name there; nothing is looked up before the first call."""

    name: str

    @property
    def physical_name(self) -> str:
        """The table's name in this stage. Raises `LookupError` if the function has no access to it."""
        return required(table_variable(self.name))

    def get(self, key: Item) -> Item | None:
        """The item of `key` as it stands after every write before, or None; needs `GetItem` in the topology's access.

        What it says may have changed when the handler writes: guard the write by a condition on it.
        """
        item = _call("get_item", {"TableName": self.physical_name, "Key": typed(key), "ConsistentRead": True}).get(
            "Item"
        )
        return plain(item) if item else None

    def get_all(self, key: str, values: Sequence[str]) -> dict[str, Item]:
        """The items whose `key` is one of the values, by it, in one call; needs `BatchGetItem` in the map's access.

        At most 100 values, each once. What DynamoDB leaves out is asked for again, for a little.
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
        """
        name = self.physical_name
        asked: dict[str, Any] = {name: {"Keys": [typed({key: value}) for value in values], "ConsistentRead": True}}
        found: dict[str, Item] = {}
        end, longest = _end(), FIRST_WAIT
        while True:
            answer = _call("batch_get_item", {"RequestItems": asked})
            items = map(plain, answer["Responses"].get(name, ()))
            found |= {item[key]: item for item in items}
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                return found
            wait = random.uniform(0, longest)
            if time.monotonic() + wait >= end:
                raise Unavailable(f"DynamoDB is busy: it left out {len(asked[name]['Keys'])} items.")
            sleep(wait)
            longest = min(2 * longest, LONGEST_WAIT)

    def put(
        self, item: Item, *, condition: str, names: Mapping[str, str] | None = None, values: Item | None = None
    ) -> None:
        """Store `item`. Raises `ConditionFailed` with the item that stands there."""
        _call("put_item", _put(Put(table=self, item=item, condition=condition, names=names or {}, values=values or {})))

    def update(
        self,
        key: Item,
        change: str,
        *,
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
        values: Item | None = None,
    ) -> Item:
        """Change the item of `key` and return it as it is now. Raises `ConditionFailed` with the item as it stands."""
        action = Update(table=self, key=key, change=change, condition=condition, names=names or {}, values=values or {})
        return plain(_call("update_item", _update(action) | {"ReturnValues": "ALL_NEW"})["Attributes"])


class Cancelled(Exception):
    """A transaction changed nothing. `failed` maps the position of each action whose condition failed to its item."""

    def __init__(self, failed: dict[int, Item | None]) -> None:
        super().__init__("A transaction was cancelled by its conditions.")
        self.failed = failed


def transact(actions: Sequence[Put | Update]) -> None:
    """Do all of `actions` or none. One alone is an ordinary write, which costs half.

    Raises `Cancelled` if conditions failed, `Reject` for more actions than DynamoDB takes at once, `Retry` if it was
    cancelled for another reason. Transactions on one item take turns: some 60 a second at the most.
    See https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html.
    """
    if len(actions) > MOST_ACTIONS:
        raise Reject(
            f"The message needs {len(actions)} writes at once, but a transaction holds {MOST_ACTIONS}; split it."
        )
    if len(actions) == 1:
        _alone(actions[0])
        return
    items = [{"Put": _put(action)} if isinstance(action, Put) else {"Update": _update(action)} for action in actions]
    token = str(uuid4())

    def write() -> None:
        # By the token DynamoDB knows a transaction whose answer was lost. One that was cancelled did nothing.
        nonlocal token
        try:
            client("dynamodb").transact_write_items(TransactItems=items, ClientRequestToken=token)
        except ClientError as error:
            if _reasons(error):
                token = str(uuid4())
            raise

    try:
        _patiently(write)
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        failed = {
            position: plain(reason["Item"]) if reason.get("Item") else None
            for position, reason in enumerate(error.response.get("CancellationReasons", []))
            if reason.get("Code") == "ConditionalCheckFailed"
        }
        if not failed:
            raise Retry(f"The transaction was cancelled: {', '.join(sorted(_reasons(error))) or error}.") from error
        raise Cancelled(failed) from error


def _alone(action: Put | Update) -> None:
    try:
        if isinstance(action, Put):
            _call("put_item", _put(action))
        else:
            _call("update_item", _update(action))
    except ConditionFailed as failed:
        raise Cancelled({0: failed.item}) from failed


def _call(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    def call() -> dict[str, Any]:
        answer: dict[str, Any] = getattr(client("dynamodb"), operation)(**arguments)
        return answer

    try:
        return _patiently(call)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        item = error.response.get("Item")
        raise ConditionFailed(plain(item) if item else None) from error


def _end() -> float:
    return time.monotonic() + min(PATIENCE, PATIENCE_SHARE * left())


def _patiently(call: Callable[[], T]) -> T:
    """What `call` returns. Called again while its items are busy; then raises `Unavailable`."""
    end = _end()
    longest = FIRST_WAIT
    while True:
        try:
            return call()
        except ClientError as error:
            codes = _reasons(error) or {error.response["Error"]["Code"]}
            if not codes <= BUSY:
                raise
            wait = random.uniform(0, longest)
            if time.monotonic() + wait >= end:
                raise Unavailable(f"DynamoDB is busy: {', '.join(sorted(codes))}.") from error
        sleep(wait)
        longest = min(2 * longest, LONGEST_WAIT)


def _reasons(error: ClientError) -> set[str]:
    """Why a transaction was cancelled; empty for any other error."""
    reasons = error.response.get("CancellationReasons", [])
    return {reason.get("Code", "None") for reason in reasons} - {"None"}


def _put(action: Put) -> dict[str, Any]:
    return {"TableName": action.table.physical_name, "Item": typed(action.item)} | _condition(action)


def _update(action: Update) -> dict[str, Any]:
    arguments = {
        "TableName": action.table.physical_name,
        "Key": typed(action.key),
        "UpdateExpression": action.change,
    }
    return arguments | _condition(action)


def _condition(action: Put | Update) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if action.condition:
        arguments["ConditionExpression"] = action.condition
        arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if action.names:
        arguments["ExpressionAttributeNames"] = dict(action.names)
    if action.values:
        arguments["ExpressionAttributeValues"] = typed(action.values)
    return arguments


def typed(item: Mapping[str, Any]) -> dict[str, Any]:
    """`item` as DynamoDB's attribute values. Raises `TypeError` for a value that has no place there."""
    return {name: _typed(value) for name, value in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case list() | tuple():
            return {"L": [_typed(part) for part in value]}
        case Mapping():
            return {"M": typed(value)}
        case _:
            raise TypeError(f"{type(value).__name__} has no place in an item; use text, whole numbers, lists or maps.")


def plain(item: Mapping[str, Any]) -> Item:
    """The attribute values of `item` as plain Python. Raises `TypeError` for a kind that we never write."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return int(content)
        case "NULL":
            return None
        case "L":
            return [_plain(part) for part in content]
        case "M":
            return plain(content)
        case _:
            raise TypeError(f"An attribute value of kind {kind} is none that we write.")
