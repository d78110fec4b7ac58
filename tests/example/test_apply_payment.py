"""apply_payment: actions apply in order, each once, and an action always has the same outcome."""

from __future__ import annotations

from typing import Any

import pytest

from functions.apply_payment.handler import handler
from functions.contracts.payments import Action
from local.rehearsal import Rehearsal
from tests.example.messages import payment
from tests.functions.events import batch, failed, record


def asked(action: Action, key: str, amount: int = 900, **changes: Any) -> dict[str, Any]:
    return record(payment(action, amount), queue="q.fifo", group="ord-1", idempotency_key=key, **changes)


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
    states = [item.get("state") for item in aws.items("payments")]
    assert failed(handler(batch(asked(action, "k", amount)))) == []
    (envelope,) = aws.published()
    assert (envelope["type"], envelope["data"]["reason"]) == ("PaymentDeclined", reason)
    assert [item.get("state") for item in aws.items("payments")] == (states or [None])


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
    message = record(payment("authorize"), queue="q.fifo", group="ord-1", message_id="bare")
    assert failed(handler(batch(message))) == ["bare"]


def test_actions_behind_a_failed_one_wait_and_other_groups_go_on(aws: Rehearsal) -> None:
    bad = record("{", queue="q.fifo", group="ord-1", idempotency_key="k0", message_id="bad")
    other = record(payment("authorize"), queue="q.fifo", group="ord-2", idempotency_key="k1")
    report = handler(batch(bad, asked("authorize", "k1", message_id="behind"), other))
    assert failed(report) == ["bad", "behind"]
    assert [item["order_id"] for item in aws.items("payments")] == ["ord-2"]
