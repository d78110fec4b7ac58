"""apply_payment: actions apply in order, each once, and an action always has the same outcome."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any
from uuid import uuid5

import pytest
from botocore.exceptions import ClientError

from functions.apply_payment.handler import PAYMENTS, handler
from functions.contracts.payments import Action
from functions.runtime.clients import client
from functions.runtime.publisher import NAMESPACE
from local.rehearsal import Rehearsal
from tests.example.messages import payment
from tests.functions.events import batch, failed, record


def asked(action: Action, key: str, amount: int = 900, **changes: Any) -> dict[str, Any]:
    return record(payment(action, amount), idempotency_key=key, **changes)


def state(aws: Rehearsal, order_id: str = "ord-1") -> tuple[Any, Any]:
    item = next((item for item in aws.items("payments") if item["order_id"] == order_id), {})
    return item.get("state"), item.get("amount")


def outcomes(aws: Rehearsal) -> list[str]:
    return sorted(envelope["type"] for envelope in aws.published())


def test_authorize_capture_and_refund_apply_in_order(aws: Rehearsal) -> None:
    assert failed(handler(batch(asked("authorize", "k1"), asked("capture", "k2"), asked("refund", "k3", 100)))) == []
    assert outcomes(aws) == ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"]
    (item,) = aws.items("payments")
    assert (item["state"], item["amount"]) == ("refunded", 100)


@pytest.mark.parametrize(
    ("before", "action", "amount", "reason"),
    [
        ([], "capture", 900, "cannot capture a payment that is not authorized"),
        (["authorize"], "authorize", 900, "cannot authorize a payment that is authorized"),
        (["authorize"], "capture", 901, "cannot capture 901: the payment holds 900"),
    ],
)
def test_an_illegal_action_is_declined_and_moves_nothing(
    aws: Rehearsal, before: list[Action], action: Action, amount: int, reason: str
) -> None:
    handler(batch(*(asked(step, f"k-{step}") for step in before)))
    aws.published()
    before_it = state(aws)
    assert failed(handler(batch(asked(action, "k", amount)))) == []
    (envelope,) = aws.published()
    assert (envelope["type"], envelope["data"]["reason"]) == ("PaymentDeclined", reason)
    assert state(aws) == before_it


@pytest.mark.parametrize("action", ["authorize", "capture"])
def test_a_payment_that_changed_while_it_was_read_is_not_declined_but_tried_again(
    aws: Rehearsal, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    if action == "capture":
        handler(batch(asked("authorize", "k1")))
        aws.published()
    dynamodb = client("dynamodb")
    standing = dynamodb.get_item(TableName=PAYMENTS.physical_name, Key={"order_id": {"S": "ord-1"}}).get("Item", {})

    write = dynamodb.update_item

    def changed(**arguments: Any) -> Any:
        if "#state" not in arguments["UpdateExpression"]:
            return write(**arguments)
        # What stood there at the write did not allow it; what is told of it does.
        response: Any = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "no"}, "Item": standing}
        raise ClientError(response, "UpdateItem")

    before = state(aws)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(dynamodb, "update_item", changed)
        assert failed(handler(batch(asked(action, "k", message_id="again")))) == ["again"]
    assert (state(aws), aws.published()) == (before, [])
    assert failed(handler(batch(asked(action, "k", message_id="again", attempt=2)))) == []
    assert outcomes(aws) == ["PaymentAuthorized" if action == "authorize" else "PaymentCaptured"]


def test_a_repeated_key_has_the_same_outcome_even_when_it_would_now_be_legal(aws: Rehearsal) -> None:
    handler(batch(asked("capture", "early")))
    (declined,) = aws.published()
    handler(batch(asked("authorize", "k1")))
    aws.published()
    assert failed(handler(batch(asked("capture", "early")))) == []
    (again,) = aws.published()
    assert (again["id"], again["data"]) == (declined["id"], declined["data"])


def test_a_repeated_action_applies_once_and_publishes_the_same_event(aws: Rehearsal) -> None:
    handler(batch(asked("authorize", "k1")))
    handler(batch(asked("authorize", "k1")))
    first, second = aws.published()
    assert first["id"] == second["id"]
    assert first["type"] == second["type"] == "PaymentAuthorized"


def test_a_key_that_came_with_another_body_is_rejected(aws: Rehearsal) -> None:
    handler(batch(asked("authorize", "k1")))
    assert failed(handler(batch(asked("authorize", "k1", 1, message_id="clash")))) == ["clash"]
    (cause,) = aws.items("failures")
    assert "Idempotency key k1 came before with another body" in cause["error_message"]


def test_a_payment_without_an_idempotency_key_is_rejected(aws: Rehearsal) -> None:
    message = record(payment("authorize"), message_id="bare")
    assert failed(handler(batch(message))) == ["bare"]


def test_actions_behind_a_failed_one_wait_and_other_groups_go_on(aws: Rehearsal) -> None:
    bad = record("{", queue="test-queue.fifo", group="ord-1", idempotency_key="k0", message_id="bad")
    other = record(payment("authorize", order_id="ord-2"), idempotency_key="k1")
    report = handler(batch(bad, asked("authorize", "k1", message_id="behind"), other))
    assert failed(report) == ["bad", "behind"]
    assert [item["order_id"] for item in aws.items("payments")] == ["ord-2"]


def test_no_item_grows_with_the_payments_of_an_order(aws: Rehearsal) -> None:
    handler(batch(asked("authorize", "k1")))
    for number in range(60):
        assert failed(handler(batch(asked("authorize", f"more-{number}")))) == []
    sizes = [len(json.dumps(item, default=str)) for item in aws.items("payments")]
    assert len(sizes) == 61
    assert max(sizes) < 500


def test_a_declined_key_that_came_with_another_body_is_rejected(aws: Rehearsal) -> None:
    handler(batch(asked("capture", "k1")))
    assert failed(handler(batch(asked("capture", "k1", 1, message_id="clash")))) == ["clash"]
    handler(batch(asked("authorize", "k2")))
    assert failed(handler(batch(asked("capture", "k1", 1, message_id="again")))) == ["again"]
    assert state(aws) == ("authorized", 900)


def test_a_key_declined_by_a_version_that_kept_it_in_the_orders_item_stays_declined(aws: Rehearsal) -> None:
    declined = {"digest": payment("capture").digest(), "declined": "cannot capture a payment that is not authorized"}
    aws.put("payments", {"order_id": "ord-1", "applied:early": declined})
    handler(batch(asked("authorize", "k1"), asked("capture", "early")))
    assert outcomes(aws) == ["PaymentAuthorized", "PaymentDeclined"]
    assert state(aws) == ("authorized", 900)


def test_a_tenant_does_not_touch_the_payment_of_anothers_order(aws: Rehearsal) -> None:
    handler(batch(asked("authorize", "k1", tenant="a")))
    handler(batch(asked("capture", "k2", tenant="b")))
    first, second = aws.published()
    assert (first["type"], second["type"]) == ("PaymentAuthorized", "PaymentDeclined")
    assert (first["tenant"], second["tenant"]) == ("a", "b")
    assert state(aws, "/a/ord-1") == ("authorized", 900)
    assert state(aws, "/b/ord-1") == (None, None)


def test_one_key_of_two_tenants_is_two_payments_and_two_events(aws: Rehearsal) -> None:
    for tenant in ("a", "b"):
        assert failed(handler(batch(asked("authorize", "k1", tenant=tenant)))) == []
    first, second = aws.published()
    assert first["id"] != second["id"]
    assert first["data"] == second["data"]


@pytest.mark.parametrize("order_id", ["a!b", "", "x" * 65, "a/b", "a\n"])
def test_a_path_that_names_no_order_is_rejected_before_anything_moves(aws: Rehearsal, order_id: str) -> None:
    odd = record(payment("authorize"), group=order_id or None, idempotency_key="k1", message_id="odd")
    odd["attributes"]["MessageGroupId"] = order_id
    assert failed(handler(batch(odd))) == ["odd"]
    assert (aws.items("payments"), aws.published()) == ([], [])
    (cause,) = aws.items("failures")
    assert cause["error_type"] == "Reject"
    assert "order_id" in cause["error_message"]


def test_a_body_that_names_an_order_itself_is_rejected(aws: Rehearsal) -> None:
    body = '{"order_id":"ord-2","action":"authorize","amount":900,"currency":"EUR"}'
    odd = record(body, queue="q.fifo", group="ord-1", idempotency_key="k1", message_id="odd")
    assert failed(handler(batch(odd))) == ["odd"]
    assert aws.items("payments") == []
    (cause,) = aws.items("failures")
    assert "unknown field `order_id`" in cause["error_message"]


def test_the_events_of_a_message_without_a_tenant_keep_their_ids(aws: Rehearsal) -> None:
    handler(batch(asked("authorize", "k1")))
    (told,) = aws.published()
    assert told["id"] == str(uuid5(NAMESPACE, "ApplyPayment/ord-1/k1/PaymentAuthorized/0"))
    assert payment("authorize").digest() == sha256(b'{"action":"authorize","amount":900,"currency":"EUR"}').hexdigest()
