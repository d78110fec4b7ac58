"""What DynamoDB refuses of a request whatever stands in the table, and what a write makes of the item that does.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html; other rules name their pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.aws.errors import ServiceError
from tests.aws.expression import TOKEN, WORDS, Expression, Invalid, Item

LARGEST = 400 * 1024
"""Bytes of an item, its names included."""
DIGITS = 38
MOST = {"TransactWriteItems": 100, "BatchWriteItem": 25, "BatchGetItem": 100}
EXPRESSIONS = ("ConditionExpression", "UpdateExpression", "FilterExpression", "ProjectionExpression")
EXPRESSIONS_OF_QUERY = ("KeyConditionExpression",)

Fields = Mapping[str, Any]


def check(operation: str, request: Fields) -> None:
    """Refuse the request whatever is in the table. Raises `ServiceError`."""
    try:
        for body in _bodies(operation, request):
            _check_expressions(body)
            for values in (body.get("Item"), body.get("Key"), body.get("ExpressionAttributeValues")):
                for value in (values or {}).values():
                    _check_value(value)
    except Invalid as error:
        raise invalid(str(error)) from error


def invalid(message: str) -> ServiceError:
    """What DynamoDB answers to a request that means nothing."""
    return ServiceError(400, "ValidationException", message)


def holds(body: Fields, item: Item | None) -> bool:
    """Whether the item meets the condition of a write. Raises `Invalid`."""
    condition = body.get("ConditionExpression")
    return condition is None or Expression(condition, *_placeholders(body), item).holds()


def after(operation: str, body: Fields, before: Item | None) -> Item | None:
    """The item that a write leaves, None where it leaves none. Raises `Invalid`."""
    if operation == "DeleteItem":
        return None
    left: Item = dict(body["Item"]) if operation == "PutItem" else _updated(body, before)
    if size(left) > LARGEST:
        raise Invalid("Item size has exceeded the maximum allowed size")
    return left


def condition_failed(body: Fields, item: Item | None) -> ServiceError:
    """The answer to a write whose condition does not hold; it has the item where the write asked for it.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html#DDB-PutItem-request-ReturnValuesOnConditionCheckFailure
    """
    code = "ConditionalCheckFailedException"
    return ServiceError(400, code, "The conditional request failed", **shown(body, item))


def shown(body: Fields, item: Item | None) -> dict[str, Any]:
    """The field in which a write whose condition does not hold gets the item, if it asked for it."""
    return {"Item": item} if item and body.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else {}


def check_count(operation: str, keys: Sequence[object]) -> None:
    """Refuse too few or too many, and an item that is there twice. Raises `Invalid`.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html and its neighbours.
    """
    if not 1 <= len(keys) <= MOST[operation]:
        raise Invalid(f"{operation} takes 1 to {MOST[operation]} actions, not {len(keys)}")
    if len(set(keys)) < len(keys):
        raise Invalid(
            "Transaction request cannot include multiple operations on one item"
            if operation.startswith("Transact")
            else "Provided list of item keys contains duplicates"
        )


def key_of(name: str, item: Fields) -> str:
    """The partition key of that name, which is text. Raises `Invalid` where it is missing, empty or no text."""
    value = item.get(name)
    if value is None or value.keys() != {"S"}:
        raise Invalid(f"One or more parameter values were invalid: Missing the key {name} in the item, or no text")
    if not value["S"]:
        raise Invalid(f"The AttributeValue for a key attribute cannot contain an empty string value. Key: {name}")
    return str(value["S"])


class Tables:
    """Tables of items, by the name of each one's partition key; each call is checked by whoever asks."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self.keys = dict(keys)
        self.items: dict[str, dict[str, Item]] = {table: {} for table in keys}

    def get_item(self, **body: Any) -> dict[str, Any]:
        item = self._table(body).get(self._key(body["TableName"], body["Key"]))
        return {"Item": item} if item else {}

    def put_item(self, **body: Any) -> dict[str, Any]:
        return _returned(body, *self._write("PutItem", body))

    def update_item(self, **body: Any) -> dict[str, Any]:
        return _returned(body, *self._write("UpdateItem", body))

    def delete_item(self, **body: Any) -> dict[str, Any]:
        return _returned(body, *self._write("DeleteItem", body))

    def batch_get_item(self, **body: Any) -> dict[str, Any]:
        wanted = [(table, key) for table, asked in body["RequestItems"].items() for key in asked["Keys"]]
        try:
            check_count("BatchGetItem", [(table, self._key(table, key)) for table, key in wanted])
        except Invalid as error:
            raise invalid(str(error)) from error
        found: dict[str, list[Item]] = {table: [] for table, _ in wanted}
        for table, key in wanted:
            item = self._table({"TableName": table}).get(self._key(table, key))
            found[table] += [item] if item else []
        return {"Responses": found, "UnprocessedKeys": {}}

    def scan(self, **body: Any) -> dict[str, Any]:
        items = list(self._table(body).values())
        if (test := body.get("FilterExpression")) is not None:
            try:
                items = [item for item in items if Expression(test, *_placeholders(body), item).holds()]
            except Invalid as error:
                raise invalid(str(error)) from error
        return {"Items": items, "Count": len(items)}

    def transact_write_items(self, **body: Any) -> dict[str, Any]:
        actions = [next(iter(action.items())) for action in body["TransactItems"]]
        try:
            check_count("TransactWriteItems", [self._target(each) for _, each in actions])
            kept = [holds(each, self._before(each)) for _, each in actions]
            if not all(kept):
                reasons = [
                    _reason(fine, each, self._before(each)) for fine, (_, each) in zip(kept, actions, strict=True)
                ]
                said = ", ".join(reason["Code"] for reason in reasons)
                code = "TransactionCanceledException"
                raise ServiceError(400, code, f"Transaction cancelled [{said}]", CancellationReasons=reasons)
            left = [
                (each, after(f"{kind}Item", each, self._before(each))) for kind, each in actions if "Check" not in kind
            ]
        except Invalid as error:
            raise invalid(str(error)) from error
        for each, item in left:
            self._store(each, item)
        return {}

    def _write(self, operation: str, body: Fields) -> tuple[Item | None, Item | None]:
        before = self._before(body)
        try:
            if not holds(body, before):
                raise condition_failed(body, before)
            left = after(operation, body, before)
        except Invalid as error:
            raise invalid(str(error)) from error
        self._store(body, left)
        return before, left

    def _store(self, body: Fields, item: Item | None) -> None:
        table, key = self._target(body)
        if item is None:
            self.items[table].pop(key, None)
        else:
            self.items[table][key] = item

    def _before(self, body: Fields) -> Item | None:
        return self._table(body).get(self._target(body)[1])

    def _target(self, body: Fields) -> tuple[str, str]:
        self._table(body)
        return body["TableName"], self._key(body["TableName"], body.get("Item") or body["Key"])

    def _table(self, body: Fields) -> dict[str, Item]:
        if body["TableName"] not in self.items:
            raise ServiceError(400, "ResourceNotFoundException", "Requested resource not found")
        return self.items[body["TableName"]]

    def _key(self, table: str, item: Fields) -> str:
        self._table({"TableName": table})
        try:
            return key_of(self.keys[table], item)
        except Invalid as error:
            raise invalid(str(error)) from error


def size(item: Item) -> int:
    """Bytes of an item as DynamoDB counts them: names, values, and a little for each list, map and entry.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return len(content.lstrip("-")) // 2 + 2
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size(part) for name, part in content.items())
        case "L":
            return 3 + sum(1 + _size(part) for part in content)
        case "SS":
            return sum(len(part.encode()) for part in content)
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case _:
            return 1


def _returned(body: Fields, before: Item | None, left: Item | None) -> dict[str, Any]:
    wanted = {"ALL_NEW": left, "ALL_OLD": before}.get(body.get("ReturnValues", "NONE"))
    return {"Attributes": wanted} if wanted else {}


def _reason(fine: bool, body: Fields, item: Item | None) -> dict[str, Any]:
    if fine:
        return {"Code": "None"}
    return {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"} | shown(body, item)


def _updated(body: Fields, before: Item | None) -> Item:
    # An update makes the item that it does not find.
    base = before or dict(body["Key"])
    left = Expression(body["UpdateExpression"], *_placeholders(body), base).applied()
    if any(left.get(name) != value for name, value in body["Key"].items()):
        raise Invalid("Cannot update attribute. This attribute is part of the key")
    return left


def _placeholders(body: Fields) -> tuple[Fields, Fields]:
    return body.get("ExpressionAttributeNames", {}), body.get("ExpressionAttributeValues", {})


def _bodies(operation: str, request: Fields) -> Iterator[Fields]:
    """Whatever of a request has expressions, keys or items of its own."""
    match operation:
        case "TransactWriteItems":
            yield from (body for action in request["TransactItems"] for body in action.values())
        case "BatchGetItem":
            yield from ({"Key": key} for asked in request["RequestItems"].values() for key in asked["Keys"])
            yield from request["RequestItems"].values()
        case "BatchWriteItem":
            yield from (body for each in request["RequestItems"].values() for one in each for body in one.values())
        case _:
            yield request


def _check_expressions(body: Fields) -> None:
    """Names and values that stand for something must be there and used, and a reserved word needs one.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ExpressionAttributeNames.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ExpressionAttributeValues.html
    """
    texts = [body[name] for name in (*EXPRESSIONS, *EXPRESSIONS_OF_QUERY) if name in body]
    if not all(texts):
        raise Invalid("Invalid expression: The expression can not be empty")
    words = [word for text in texts for word in TOKEN.findall(text)]
    for field, sign in (("ExpressionAttributeNames", "#"), ("ExpressionAttributeValues", ":")):
        if field not in body:
            continue
        if not texts:
            raise Invalid(f"{field} can only be specified when using expressions")
        if not body[field]:
            raise Invalid(f"{field} must not be empty")
        if odd := [name for name in body[field] if not name.startswith(sign) or name not in words]:
            raise Invalid(f"Value provided in {field} unused in expressions: keys: {odd}")
    for word in words:
        if word.upper() not in WORDS and word.upper() in _reserved():
            raise Invalid(f"Attribute name is a reserved keyword; reserved keyword: {word}")


def _check_value(value: Fields) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            try:
                number = Decimal(content)
            except InvalidOperation:
                raise Invalid(f"The parameter cannot be converted to a numeric value: {content}") from None
            digits = "".join(map(str, number.as_tuple().digits)).strip("0")
            if not number.is_finite() or len(digits) > DIGITS:
                raise Invalid("Attempting to store more than 38 significant digits in a Number")
        case "SS" | "NS" | "BS":
            if not content:
                raise Invalid("One or more parameter values were invalid: An set may not be empty")
            if len(set(content)) < len(content):
                raise Invalid("One or more parameter values were invalid: Input collection contains duplicates.")
        case "L":
            for part in content:
                _check_value(part)
        case "M":
            for part in content.values():
                _check_value(part)
        case "NULL":
            if content is not True:
                raise Invalid("One or more parameter values were invalid: Null attribute value types must be true")


@cache
def _reserved() -> frozenset[str]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html, of which moto has a copy."""
    spec = find_spec("moto")
    assert spec is not None
    assert spec.origin is not None
    listed = Path(spec.origin).parent / "dynamodb" / "parsing" / "reserved_keywords.txt"
    return frozenset(listed.read_text().upper().split())
