"""Items of DynamoDB as plain Python values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_READ, _WRITE = TypeDeserializer(), TypeSerializer()


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """The attribute values of `item`; whole numbers are `int`, others stay `Decimal`."""
    return {name: _whole(_READ.deserialize(value)) for name, value in item.items()}


def typed(item: Mapping[str, Any]) -> dict[str, Any]:
    """`item` as attribute values. Raises `TypeError` for a value that has no place in an item."""
    return {name: _WRITE.serialize(value) for name, value in item.items()}


def _whole(value: Any) -> Any:
    match value:
        case Decimal() if value == value.to_integral_value():
            return int(value)
        case dict():
            return {name: _whole(part) for name, part in value.items()}
        case list():
            return [_whole(part) for part in value]
        case _:
            return value
