"""A filter in EventBridge's language is told in words."""

from __future__ import annotations

from typing import Any

import pytest

from ops.events.pattern import words


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ({}, []),
        ({"language": ["EN"]}, ['language is "EN"']),
        ({"language": ["EN", "DE"], "hours": [3]}, ['language is "EN" or "DE"', "hours is 3"]),
        ({"a": {"b": [{"exists": False}]}}, ["a.b is not there"]),
        ({"a": ["x", {"prefix": "y"}]}, ['a is "x" or begins with "y"']),
        ({"a": [{"suffix": {"equals-ignore-case": ".PNG"}}]}, ['a ends with, in whatever case, ".PNG"']),
        ({"a": [{"numeric": [">", 0, "<=", 5]}]}, ["a is more than 0 and is at most 5"]),
        ({"a": [{"anything-but": ["x", "y"]}]}, ['a is there, but not "x" or "y"']),
        ({"a": [{"anything-but": {"prefix": "x"}}]}, ['a is there, but not what begins with "x"']),
        ({"a": [{"cidr": "10.0.0.0/8"}]}, ['a is an address of "10.0.0.0/8"']),
        ({"$or": [{"a": [1]}, {"b": [2], "c": [3]}]}, ["a is 1, or b is 2 and c is 3"]),
        ({"a": []}, ["a is nothing, so no event is taken"]),
        ({"a": [{"new-operator": 1}]}, ["a new-operator 1"]),
        ({"a": [None, ""]}, ['a is null or ""']),
    ],
)
def test_a_filter_in_words(pattern: dict[str, Any], told: list[str]) -> None:
    assert words(pattern) == told
