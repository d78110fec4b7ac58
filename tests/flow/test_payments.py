"""FIFO queues, end to end: payments of an order apply in the order they were accepted, each once."""

from __future__ import annotations

from typing import Any

from local.effects import Effects, eventually, post
from local.session import Session
from local.tap import Tap
from tests.flow.test_orders import order, settled


def pay(stack: Session, order_id: str, action: str, amount: int, *, key: str | None = None) -> tuple[int, Any]:
    headers = {"idempotency_key": key or f"{order_id}-{action}-{amount}"}
    body = {"action": action, "amount": amount, "currency": "EUR"}
    return post(f"{stack.state.api_url}/v1/orders/{order_id}/payments", body, **headers)[:2]


def test_payments_of_many_orders_apply_in_order_each_once(stack: Session, effects: Effects, tap: Tap) -> None:
    ids = [f"pay-{number}" for number in range(8)]
    steps = [("authorize", 500), ("capture", 300), ("refund", 100)]
    for action, amount in steps:
        for order_id in ids:
            status, answer = pay(stack, order_id, action, amount)
            assert status == 202, answer
            if order_id == ids[0]:
                assert pay(stack, order_id, action, amount)[0] == 202, "a repeated request is accepted"
    assert settled(effects)
    told = ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"]
    for order_id in ids:
        assert eventually(lambda order_id=order_id: sorted(tap.types(order_id)) == told), tap.types(order_id)  # type: ignore[misc]
        payment = effects.item("payments", order_id)
        assert payment is not None
        assert (payment["state"], payment["amount"]) == ("refunded", "100"), order_id


def test_an_action_that_the_payment_does_not_allow_is_declined_and_moves_nothing(
    stack: Session, effects: Effects, tap: Tap
) -> None:
    assert pay(stack, "pay-early", "capture", 500)[0] == 202
    assert eventually(lambda: tap.types("pay-early") == ["PaymentDeclined"])
    assert "state" not in (effects.item("payments", "pay-early") or {})


def test_a_captured_payment_and_reserved_stock_ship_the_order_once(stack: Session, effects: Effects, tap: Tap) -> None:
    assert post(f"{stack.state.api_url}/v1/orders", order("chain-1", ("tea-500g", 1)))[0] == 202
    assert pay(stack, "chain-1", "authorize", 900)[0] == 202
    assert pay(stack, "chain-1", "capture", 900)[0] == 202
    assert eventually(lambda: "OrderShipped" in tap.types("chain-1"))
    assert settled(effects)
    assert tap.types("chain-1").count("OrderShipped") == 1


def test_a_payment_without_an_idempotency_key_is_refused(stack: Session) -> None:
    body = {"action": "authorize", "amount": 1, "currency": "EUR"}
    status, answer, _ = post(f"{stack.state.api_url}/v1/orders/pay-none/payments", body)
    assert status == 400
    assert "Idempotency-Key" in answer["message"]
