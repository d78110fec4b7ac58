"""Items are written and read as plain values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.runtime.clients import client
from functions.runtime.errors import Retry
from functions.runtime.table import Cancelled, ConditionFailed, Put, Table, plain, transact, typed
from local.rehearsal import Rehearsal
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


def test_a_condition_that_does_not_hold_tells_what_stands_there(aws: Rehearsal) -> None:
    table = Table("tickets")
    table.put({"ticket_id": "1", "n": 1}, condition="attribute_not_exists(ticket_id)")
    with pytest.raises(ConditionFailed) as refused:
        table.put({"ticket_id": "1", "n": 2}, condition="attribute_not_exists(ticket_id)")
    assert refused.value.item == {"ticket_id": "1", "n": 1}


def test_a_transaction_does_all_or_nothing_and_tells_which_condition_failed(aws: Rehearsal) -> None:
    table = Table("tickets")
    table.put({"ticket_id": "1"}, condition="attribute_not_exists(ticket_id)")
    puts = [Put(table=table, item={"ticket_id": i}, condition="attribute_not_exists(ticket_id)") for i in ("2", "1")]
    with pytest.raises(Cancelled) as refused:
        transact(puts)
    assert refused.value.failed == {1: {"ticket_id": "1"}}
    assert [item["ticket_id"] for item in aws.items("tickets")] == ["1"]


def test_a_transaction_that_met_another_is_tried_again(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    def conflict(**_: object) -> None:
        reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
        response = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(response, "TransactWriteItems")

    monkeypatch.setattr(fakes.dynamodb, "transact_write_items", conflict, raising=False)
    put = Put(table=Table("tickets"), item={"ticket_id": "1"}, condition="attribute_not_exists(ticket_id)")
    with pytest.raises(Retry, match="TransactionConflict"):
        transact([put, put])


def test_a_transaction_of_one_is_an_ordinary_write_with_the_same_outcome(
    aws: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(client("dynamodb").__class__, "transact_write_items")
    put = Put(table=Table("tickets"), item={"ticket_id": "1"}, condition="attribute_not_exists(ticket_id)")
    transact([put])
    with pytest.raises(Cancelled) as refused:
        transact([put])
    assert refused.value.failed == {0: {"ticket_id": "1"}}


def test_a_table_without_access_names_what_is_missing(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABLE_TICKETS")
    with pytest.raises(LookupError, match="TABLE_TICKETS is not set"):
        Table("tickets").put({"ticket_id": "1"}, condition="attribute_not_exists(ticket_id)")


def test_an_item_is_read_by_its_key_as_plain_values(aws: Rehearsal) -> None:
    table = Table("tickets")
    item = {"ticket_id": "1", "n": 1, "tags": ["a"], "open": True, "owner": None}
    table.put(item, condition="attribute_not_exists(ticket_id)")
    assert table.get({"ticket_id": "1"}) == item
    assert table.get({"ticket_id": "2"}) is None


def test_a_read_is_one_consistent_call(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def get_item(**call: object) -> dict[str, object]:
        asked.append(call)
        return {}

    monkeypatch.setattr(fakes.dynamodb, "get_item", get_item, raising=False)
    assert Table("tickets").get({"ticket_id": "1"}) is None
    (call,) = asked
    assert call["ConsistentRead"] is True
    assert call["Key"] == {"ticket_id": {"S": "1"}}
