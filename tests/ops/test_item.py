"""Items of DynamoDB as plain values: what the runtime writes, the operator reads."""

from __future__ import annotations

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
