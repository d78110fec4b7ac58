"""Items are written and read as plain values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from functions.runtime import clients
from functions.runtime.clients import client
from functions.runtime.deadline import left, within
from functions.runtime.errors import Reject, Retry, Unavailable
from functions.runtime.table import Cancelled, ConditionFailed, Put, Table, Update, plain, transact, typed
from local.rehearsal import Rehearsal
from stacks.names import resource
from tests.fixtures import STAGE
from tests.functions.fakes import Fakes, refusal

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


def refused(*reasons: str) -> ClientError:
    """A transaction that was cancelled for these reasons."""
    response: Any = {"Error": {"Code": "TransactionCanceledException"}}
    return ClientError(response | {"CancellationReasons": [{"Code": code} for code in reasons]}, "TransactWriteItems")


@dataclass
class Busy:
    """DynamoDB that answers with errors first; time passes only while someone sleeps."""

    errors: list[ClientError]
    asked: list[dict[str, Any]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    now: float = 0.0

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        def call(**arguments: Any) -> dict[str, Any]:
            self.asked.append(arguments)
            if self.errors:
                raise self.errors.pop(0)
            return {"Attributes": {}}

        return call

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def busy(environment: None, monkeypatch: pytest.MonkeyPatch) -> Busy:
    one = Busy([])
    monkeypatch.setattr(clients, "made", {"dynamodb": one})
    monkeypatch.setattr("functions.runtime.table.time", SimpleNamespace(monotonic=lambda: one.now))
    monkeypatch.setattr("functions.runtime.table.sleep", one.sleep)
    monkeypatch.setattr("functions.runtime.table.left", lambda: math.inf)
    monkeypatch.setattr("functions.runtime.table.random", SimpleNamespace(uniform=lambda least, most: most - least))
    return one


def two() -> None:
    put = Put(table=Table("tickets"), item={"ticket_id": "1"}, condition="attribute_not_exists(ticket_id)")
    transact([put, put])


CALLS: dict[str, Callable[[], object]] = {
    "get": lambda: Table("tickets").get({"ticket_id": "1"}),
    "put": lambda: Table("tickets").put({"ticket_id": "1"}, condition="attribute_not_exists(ticket_id)"),
    "update": lambda: Table("tickets").update({"ticket_id": "1"}, "ADD n :one", values={":one": 1}),
    "transact": two,
}
CODES = (
    *("TransactionConflictException", "TransactionInProgressException", "ThrottlingException"),
    *("ProvisionedThroughputExceededException", "RequestLimitExceeded"),
)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("call", CALLS)
def test_a_busy_item_is_asked_again_after_growing_waits(busy: Busy, call: str, code: str) -> None:
    busy.errors = [refusal(code) for _ in range(7)]
    CALLS[call]()
    assert busy.waits == [0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5]


@pytest.mark.parametrize("call", CALLS)
def test_what_stays_busy_is_unavailable_within_five_seconds(busy: Busy, call: str) -> None:
    busy.errors = [refusal("ThrottlingException") for _ in range(99)]
    with pytest.raises(Unavailable, match="DynamoDB is busy: ThrottlingException"):
        CALLS[call]()
    assert 4 < busy.now < 5


def test_waiting_for_a_busy_item_takes_a_third_of_the_time_that_is_left(
    busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.runtime.table.left", left)
    busy.errors = [refusal("ThrottlingException") for _ in range(99)]
    with pytest.raises(Unavailable):
        within(6, CALLS["get"])
    assert busy.now == pytest.approx(0.02 + 0.04 + 0.08 + 0.16 + 0.32 + 0.5 + 0.5)


@pytest.mark.parametrize("seconds", [0, -1])
def test_without_time_a_busy_item_is_asked_once(busy: Busy, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("functions.runtime.table.left", lambda: seconds)
    busy.errors = [refusal("ThrottlingException")]
    with pytest.raises(Unavailable):
        CALLS["get"]()
    assert busy.waits == []


@pytest.mark.parametrize(("seconds", "waits"), [(0.18, [0.02]), (0.179, [0.02]), (0.181, [0.02, 0.04]), (0.06, [])])
def test_a_busy_item_is_not_asked_again_when_the_time_for_it_is_over(
    busy: Busy, monkeypatch: pytest.MonkeyPatch, seconds: float, waits: list[float]
) -> None:
    monkeypatch.setattr("functions.runtime.table.left", lambda: seconds)
    busy.errors = [refusal("ThrottlingException") for _ in range(9)]
    with pytest.raises(Unavailable) as away:
        CALLS["get"]()
    assert busy.waits == waits
    assert isinstance(away.value.__cause__, ClientError)


SAYS: list[tuple[str, Callable[[], object], dict[str, Any]]] = [
    (
        "a put",
        lambda: Table("tickets").put({"ticket_id": "1"}, condition="attribute_not_exists(ticket_id)"),
        {
            "Item": {"ticket_id": {"S": "1"}},
            "ConditionExpression": "attribute_not_exists(ticket_id)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    (
        "a put of names and values",
        lambda: Table("tickets").put({"ticket_id": "1"}, condition="#n = :n", names={"#n": "n"}, values={":n": 1}),
        {
            "Item": {"ticket_id": {"S": "1"}},
            "ConditionExpression": "#n = :n",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ExpressionAttributeNames": {"#n": "n"},
            "ExpressionAttributeValues": {":n": {"N": "1"}},
        },
    ),
    (
        "an update",
        lambda: Table("tickets").update({"ticket_id": "1"}, "REMOVE n"),
        {"Key": {"ticket_id": {"S": "1"}}, "UpdateExpression": "REMOVE n", "ReturnValues": "ALL_NEW"},
    ),
    (
        "an update of names and values under a condition",
        lambda: Table("tickets").update(
            {"ticket_id": "1"}, "SET #n = :n", condition="#n < :n", names={"#n": "n"}, values={":n": 2}
        ),
        {
            "Key": {"ticket_id": {"S": "1"}},
            "UpdateExpression": "SET #n = :n",
            "ReturnValues": "ALL_NEW",
            "ConditionExpression": "#n < :n",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ExpressionAttributeNames": {"#n": "n"},
            "ExpressionAttributeValues": {":n": {"N": "2"}},
        },
    ),
]


@pytest.mark.parametrize(("what", "call", "said"), SAYS)
def test_a_write_says_what_it_needs_and_nothing_else(
    busy: Busy, what: str, call: Callable[[], object], said: dict[str, Any]
) -> None:
    call()
    assert busy.asked == [{"TableName": resource(STAGE, "tickets")} | said], what


def test_a_transaction_says_each_action_in_its_order_and_a_token(busy: Busy) -> None:
    put = Put(table=Table("tickets"), item={"ticket_id": "1"}, condition="c")
    update = Update(table=Table("tickets"), key={"ticket_id": "2"}, change="REMOVE n")
    transact([put, update])
    (asked,) = busy.asked
    condition = {"ConditionExpression": "c", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    table = {"TableName": resource(STAGE, "tickets")}
    assert asked["TransactItems"] == [
        {"Put": table | {"Item": {"ticket_id": {"S": "1"}}} | condition},
        {"Update": table | {"Key": {"ticket_id": {"S": "2"}}, "UpdateExpression": "REMOVE n"}},
    ]
    assert len(asked["ClientRequestToken"]) == 36


def test_an_update_alone_is_an_update_and_tells_what_stands_there(busy: Busy) -> None:
    standing = refusal("ConditionalCheckFailedException")
    standing.response["Item"] = {"n": {"N": "7"}}
    busy.errors = [standing]
    update = Update(table=Table("tickets"), key={"ticket_id": "1"}, change="REMOVE n", condition="n = :n")
    with pytest.raises(Cancelled) as cancelled:
        transact([update])
    assert cancelled.value.failed == {0: {"n": 7}}
    assert busy.asked[0]["UpdateExpression"] == "REMOVE n"


def test_a_condition_that_fails_where_nothing_stands_tells_nothing(busy: Busy) -> None:
    busy.errors = [refusal("ConditionalCheckFailedException")]
    with pytest.raises(ConditionFailed) as failed:
        CALLS["put"]()
    assert failed.value.item is None


@pytest.mark.parametrize("call", CALLS)
def test_any_other_error_is_told_at_once(busy: Busy, call: str) -> None:
    busy.errors = [refusal("ValidationException")]
    with pytest.raises(ClientError, match="ValidationException"):
        CALLS[call]()
    assert busy.waits == []


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_was_cancelled_for_others_is_repeated_as_a_new_one(busy: Busy, code: str) -> None:
    busy.errors = [refused(code, "None"), refused("None", code)]
    two()
    assert len({call["ClientRequestToken"] for call in busy.asked}) == 3


def test_a_transaction_is_repeated_however_many_reasons_it_was_cancelled_for(busy: Busy) -> None:
    busy.errors = [refused(*CODES, "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")]
    two()
    assert len(busy.asked) == 2


def test_a_transaction_that_may_have_happened_is_repeated_as_the_same(busy: Busy) -> None:
    busy.errors = [refusal("TransactionInProgressException"), refusal("ThrottlingException")]
    two()
    assert len({call["ClientRequestToken"] for call in busy.asked}) == 1


def test_a_condition_that_failed_beside_a_conflict_is_what_counts(busy: Busy) -> None:
    busy.errors = [refused("TransactionConflict", "ConditionalCheckFailed")]
    with pytest.raises(Cancelled) as cancelled:
        two()
    assert cancelled.value.failed == {1: None}


def test_what_stands_there_is_told_of_each_condition_that_failed_and_of_no_other_reason(busy: Busy) -> None:
    error = refused("ConditionalCheckFailed", "TransactionConflict", "ConditionalCheckFailed", "None")
    error.response["CancellationReasons"][2]["Item"] = {"n": {"N": "7"}}
    error.response["CancellationReasons"][3] = {}
    busy.errors = [error]
    with pytest.raises(Cancelled) as cancelled:
        two()
    assert cancelled.value.failed == {0: None, 2: {"n": 7}}
    assert cancelled.value.__cause__ is error


def test_a_reason_without_a_code_is_none(busy: Busy) -> None:
    error = refused("TransactionConflict", "None")
    error.response["CancellationReasons"][1] = {}
    busy.errors = [error]
    two()
    assert len(busy.asked) == 2


def test_a_transaction_that_is_cancelled_without_a_reason_says_what_dynamodb_said(busy: Busy) -> None:
    busy.errors = [refusal("TransactionCanceledException")]
    with pytest.raises(Retry, match=r"The transaction was cancelled: .*TransactionCanceledException happened"):
        two()


def test_a_transaction_that_is_cancelled_for_itself_is_not_repeated(busy: Busy) -> None:
    busy.errors = [refused("ItemCollectionSizeLimitExceeded", "TransactionConflict")]
    with pytest.raises(Retry, match="ItemCollectionSizeLimitExceeded"):
        two()
    assert busy.waits == []


def test_more_actions_than_a_transaction_holds_are_rejected(busy: Busy) -> None:
    puts = [
        Put(table=Table("tickets"), item={"ticket_id": str(number)}, condition="attribute_not_exists(ticket_id)")
        for number in range(101)
    ]
    transact(puts[:100])
    with pytest.raises(Reject, match="needs 101 writes at once, but a transaction holds 100; split it"):
        transact(puts)
    assert len(busy.asked) == 1


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
