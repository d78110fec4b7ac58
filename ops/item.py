"""Items of DynamoDB as plain Python values, and back.

`boto3.dynamodb.types` would do it, but importing it loads all of boto3, which takes longer than a small redrive.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """The attribute values of `item`; whole numbers are `int`, others stay `Decimal`."""
    return {name: _read(value) for name, value in item.items()}


def typed(item: Mapping[str, Any]) -> dict[str, Any]:
    """`item` as attribute values. Raises `TypeError` for a value that has no place in an item."""
    return {name: _write(value) for name, value in item.items()}


def _read(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "S" | "B" | "BOOL":
            return content
        case "NULL":
            return None
        case "N":
            return _number(content)
        case "M":
            return plain(content)
        case "L":
            return [_read(each) for each in content]
        case "SS" | "BS":
            return set(content)
        case "NS":
            return {_number(each) for each in content}
        case _:
            raise TypeError(f"DynamoDB has no type {kind}")


def _number(text: str) -> int | Decimal:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


def _write(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | Decimal():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": typed(value)}
        case list() | tuple():
            return {"L": [_write(each) for each in value]}
        case _:
            raise TypeError(f"{type(value).__name__} has no place in an item")
