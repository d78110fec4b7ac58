"""The models answer as moto does where moto is right, and by AWS's own words where it is not."""

from __future__ import annotations

import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.simulation.conftest import Bench

UNASKED = ("ResponseMetadata", "ConsumedCapacity")
"""moto tells the second one without being asked."""
Calls = list[tuple[str, dict[str, Any]]]

KEY = {"id": {"S": "a"}}
ADD = {"UpdateExpression": "SET n = if_not_exists(n, :zero) + :one", "ReturnValues": "ALL_NEW"}
VALUES = {":zero": {"N": "0"}, ":one": {"N": "1"}}
ABSENT = {"ConditionExpression": "attribute_not_exists(id)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def put(identity: str, **more: Any) -> dict[str, Any]:
    return {"TableName": "things", "Item": {"id": {"S": identity}, "n": {"N": "1"}}, **more}


CONVERSATIONS: dict[str, Calls] = {
    "a put under a condition": [("put_item", put("a", **ABSENT)), ("put_item", put("a", **ABSENT))],
    "a counter": [
        ("update_item", {"TableName": "things", "Key": KEY, "ExpressionAttributeValues": VALUES, **ADD}),
        ("update_item", {"TableName": "things", "Key": KEY, "ExpressionAttributeValues": VALUES, **ADD}),
        ("get_item", {"TableName": "things", "Key": KEY, "ConsistentRead": True}),
    ],
    "what is not enough": [
        ("put_item", put("a")),
        (
            "update_item",
            {
                "TableName": "things",
                "Key": KEY,
                "UpdateExpression": "SET n = n - :many, #w = :word",
                "ConditionExpression": "n >= :many AND NOT (attribute_exists(#w) OR #w = :word)",
                "ExpressionAttributeNames": {"#w": "word"},
                "ExpressionAttributeValues": {":many": {"N": "2"}, ":word": {"S": "x"}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            },
        ),
    ],
    "removing and adding": [
        ("put_item", put("a")),
        (
            "update_item",
            {
                "TableName": "things",
                "Key": KEY,
                "UpdateExpression": "ADD seen :one REMOVE n",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
                "ReturnValues": "ALL_NEW",
            },
        ),
        ("delete_item", {"TableName": "things", "Key": KEY}),
        ("get_item", {"TableName": "things", "Key": KEY}),
    ],
    "a transaction": [
        ("transact_write_items", {"TransactItems": [{"Put": put("a", **ABSENT)}, {"Put": put("b", **ABSENT)}]}),
        ("transact_write_items", {"TransactItems": [{"Put": put("c", **ABSENT)}, {"Put": put("b", **ABSENT)}]}),
        ("get_item", {"TableName": "things", "Key": {"id": {"S": "c"}}}),
    ],
    "a batch": [
        (
            "batch_write_item",
            {
                "RequestItems": {
                    "things": [{"PutRequest": {"Item": KEY}}],
                    "others": [{"PutRequest": {"Item": {"id": {"S": "b"}}}}],
                }
            },
        ),
        ("get_item", {"TableName": "others", "Key": {"id": {"S": "b"}}}),
    ],
    "several keys": [
        ("put_item", put("a")),
        ("put_item", put("b")),
        ("batch_get_item", {"RequestItems": {"things": {"Keys": [KEY, {"id": {"S": "c"}}], "ConsistentRead": True}}}),
        ("batch_get_item", {"RequestItems": {"things": {"Keys": [KEY, KEY]}}}),
    ],
    "a name without a value": [
        (
            "update_item",
            {"TableName": "things", "Key": KEY, "UpdateExpression": "SET n = m + :one"}
            | {"ExpressionAttributeValues": {":one": {"N": "1"}}},
        ),
    ],
    "a table that is not there": [("get_item", {"TableName": "nothing", "Key": KEY})],
}


def answers(client: Any, calls: Calls, pause: float = 0) -> list[Any]:
    return [_answer(client, operation, arguments, pause) for operation, arguments in calls]


def _answer(client: Any, operation: str, arguments: dict[str, Any], pause: float) -> Any:
    time.sleep(pause)  # in virtual time, so that one transaction does not meet the one before
    try:
        answer = getattr(client, operation)(**arguments)
    except ClientError as error:
        reasons = [
            {name: reason[name] for name in ("Code", "Item") if name in reason}
            for reason in error.response.get("CancellationReasons", [])
        ]
        return error.response["Error"]["Code"], error.response.get("Item"), reasons
    return {name: value for name, value in answer.items() if name not in UNASKED and value}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_tables_answer_as_moto_does(bench: Bench, name: str) -> None:
    calls = CONVERSATIONS[name]
    client = bench.client()
    (ours,) = bench.run(lambda: answers(client, calls, pause=1))
    with mock_aws():
        moto = boto3.client("dynamodb", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
        for table in ("things", "others"):
            moto.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        assert ours == answers(moto, calls)


def test_two_transactions_on_one_item_at_once_conflict_and_one_after_the_other_do_not(bench: Bench) -> None:
    # Neither moto nor ministack conflicts; botocore does not repeat it (aws-semantics 12.14).
    first, second = bench.client(), bench.client()

    def transact(client: Any) -> Any:
        items = [{"Put": put("hot")}, {"Put": put("cold")}]
        return answers(client, [("transact_write_items", {"TransactItems": items})])[0]

    one, other = bench.run(lambda: transact(first), lambda: transact(second))
    assert one == {}
    code, _, reasons = other
    assert code == "TransactionCanceledException"
    assert [reason["Code"] for reason in reasons] == ["TransactionConflict"] * 2
    assert bench.run(lambda: transact(second)) == [{}]


def test_an_item_takes_a_thousand_write_units_a_second_and_its_neighbours_do_not_care(bench: Bench) -> None:
    client = bench.client()
    large = {"TableName": "things", "Item": {"id": {"S": "large"}, "big": {"S": "x" * 100 * 1024}}}

    def write() -> Any:
        return answers(client, [("put_item", large), ("put_item", put("small"))])

    assert bench.run(*[write] * 9) == [[{}, {}]] * 9
    assert bench.tables.calls["ThrottlingException"] == 0
    assert bench.run(*[write] * 12) == [[{}, {}]] * 12, "botocore repeats what was throttled"
    assert bench.tables.calls["ThrottlingException"] >= 3
    assert bench.tables.units["things"] == 21 * (101 + 1)


def test_a_condition_that_fails_costs_as_much_as_one_that_holds(bench: Bench) -> None:
    client = bench.client()
    bench.run(lambda: answers(client, CONVERSATIONS["a put under a condition"]))
    assert bench.tables.units["things"] == 2


def test_a_transaction_of_the_same_token_is_done_once(bench: Bench) -> None:
    client = bench.client()
    items = [{"Put": put("a")}]
    call = ("transact_write_items", {"TransactItems": items, "ClientRequestToken": "token"})
    assert bench.run(lambda: answers(client, [call, call])) == [[{}, {}]]
    assert len(bench.tables.history) == 1


def test_a_call_that_no_policy_allows_is_denied(bench: Bench) -> None:
    bench.tables._allowed = lambda function, action, table: action != "dynamodb:PutItem"
    client = bench.client()
    ((answer,),) = bench.run(lambda: answers(client, [("put_item", put("a"))]))
    assert answer[0] == "AccessDeniedException"
