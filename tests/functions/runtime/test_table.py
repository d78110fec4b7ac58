"""Items are written and read as plain values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.clients import client
from functions.runtime.errors import Retry
from functions.runtime.table import Cancelled, ConditionFailed, Put, Table, plain, transact, typed
from tests.functions.conftest import Aws
from tests.functions.fakes import Fakes

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1), values, max_size=4))
def test_every_value_comes_back_as_it_was(item: dict[str, object]) -> None:
    assert plain(typed(item)) == item


@pytest.mark.parametrize("value", [1.5, b"bytes", {1, 2}])
def test_a_value_without_a_place_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has no place in an item"):
        typed({"value": value})


def test_a_condition_that_does_not_hold_tells_what_stands_there(aws: Aws) -> None:
    table = Table("orders")
    table.put({"order_id": "1", "n": 1}, condition="attribute_not_exists(order_id)")
    with pytest.raises(ConditionFailed) as refused:
        table.put({"order_id": "1", "n": 2}, condition="attribute_not_exists(order_id)")
    assert refused.value.item == {"order_id": "1", "n": 1}


def test_a_transaction_does_all_or_nothing_and_tells_which_condition_failed(aws: Aws) -> None:
    table = Table("orders")
    table.put({"order_id": "1"}, condition="attribute_not_exists(order_id)")
    puts = [Put(table=table, item={"order_id": i}, condition="attribute_not_exists(order_id)") for i in ("2", "1")]
    with pytest.raises(Cancelled) as refused:
        transact(puts)
    assert refused.value.failed == {1: {"order_id": "1"}}
    assert [item["order_id"] for item in aws.items("orders")] == ["1"]


def test_a_transaction_that_met_another_is_tried_again(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    def conflict(**_: object) -> None:
        reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
        response = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(response, "TransactWriteItems")

    monkeypatch.setattr(fakes.dynamodb, "transact_write_items", conflict, raising=False)
    put = Put(table=Table("orders"), item={"order_id": "1"}, condition="attribute_not_exists(order_id)")
    with pytest.raises(Retry, match="TransactionConflict"):
        transact([put, put])


def test_a_transaction_of_one_is_an_ordinary_write_with_the_same_outcome(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(client("dynamodb").__class__, "transact_write_items")
    put = Put(table=Table("orders"), item={"order_id": "1"}, condition="attribute_not_exists(order_id)")
    transact([put])
    with pytest.raises(Cancelled) as refused:
        transact([put])
    assert refused.value.failed == {0: {"order_id": "1"}}


def test_a_table_without_access_names_what_is_missing(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABLE_ORDERS")
    with pytest.raises(LookupError, match="TABLE_ORDERS is not set"):
        Table("orders").put({"order_id": "1"}, condition="attribute_not_exists(order_id)")
