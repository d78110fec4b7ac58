"""Items of DynamoDB as plain values: what the runtime writes, the operator reads."""

from __future__ import annotations

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from functions.runtime import table
from ops.item import plain, typed

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=10,
)
items = st.dictionaries(st.text(min_size=1), values, max_size=4)


@given(items)
def test_what_a_function_writes_is_what_the_operator_reads(item: dict[str, object]) -> None:
    assert plain(table.typed(item)) == item


@given(items)
def test_what_the_operator_writes_a_function_could_read(item: dict[str, object]) -> None:
    assert table.plain(typed(item)) == item


@given(items)
def test_an_item_is_written_as_boto3_writes_it(item: dict[str, object]) -> None:
    assert typed(item) == {name: TypeSerializer().serialize(value) for name, value in item.items()}


@pytest.mark.parametrize("value", [{"NS": ["1", "2.50"]}, {"SS": ["a"]}, {"N": "1.10"}, {"N": "1E2"}, {"B": b"\0"}])
def test_a_value_is_read_as_boto3_reads_it(value: dict[str, object]) -> None:
    assert plain({"a": value})["a"] == TypeDeserializer().deserialize({**value})


def test_what_has_no_place_in_an_item_is_refused() -> None:
    for wrong in (1.5, object(), {1, 2}):
        with pytest.raises(TypeError, match="no place"):
            typed({"a": wrong})
