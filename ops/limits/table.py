"""The table of limits: some items by their keys, and one page of all."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from functions.contracts.limit import KEY, TABLE
from ops.errors import OpsError
from ops.item import plain, typed
from ops.stage import Stage, in_words

PAGE = 1_000
"""Items of one page, at the most: some ten read units, whatever the table holds."""
TOGETHER = 100
"""Items that one call reads.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""
TRIES = 5

Items = dict[str, dict[str, Any]]
"""By their keys."""


def items(stage: Stage, keys: Iterable[str]) -> Items:
    """Those that are there. Raises `OpsError` where DynamoDB refuses, or answers a part only."""
    found: Items = {}
    wanted = [*dict.fromkeys(keys)]
    for start in range(0, len(wanted), TOGETHER):
        some = wanted[start : start + TOGETHER]
        asked: dict[str, Any] = {_name(stage): {"Keys": [typed({KEY: key}) for key in some]}}
        for attempt in range(TRIES):
            if attempt:
                time.sleep(0.05 * 2**attempt)
            with in_words():
                answer = stage.client("dynamodb").batch_get_item(RequestItems=asked)
            found |= _by_key(answer.get("Responses", {}).get(_name(stage), ()))
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                break
        else:
            raise OpsError(f"{_name(stage)} answers only a part of what it is asked: it is throttled.")
    return found


def page(stage: Stage, begins: str) -> tuple[Items, int, bool]:
    """The items of one page whose key begins so, how many were looked at, and whether there are more.

    Notes of messages that wait are none of them. Raises `OpsError` where DynamoDB refuses.
    """
    asked = {
        "TableName": _name(stage),
        "Limit": PAGE,
        "FilterExpression": "attribute_not_exists(waits) AND begins_with(#key, :begins)",
        "ExpressionAttributeNames": {"#key": KEY},
        "ExpressionAttributeValues": typed({":begins": begins}),
    }
    if not begins:  # DynamoDB compares with no empty text
        asked |= {"FilterExpression": "attribute_not_exists(waits)"}
        del asked["ExpressionAttributeNames"], asked["ExpressionAttributeValues"]
    with in_words():
        answer = stage.client("dynamodb").scan(**asked)
    found = _by_key(answer.get("Items", ()))
    return found, int(answer.get("ScannedCount", len(found))), bool(answer.get("LastEvaluatedKey"))


def _by_key(told: Iterable[dict[str, Any]]) -> Items:
    return dict(_plain(told))


def _plain(told: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in told:
        item = plain(each)
        yield str(item.get(KEY, "")), item


def _name(stage: Stage) -> str:
    return str(stage.table(TABLE))
