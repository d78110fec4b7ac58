"""FIFO queues, end to end: payments of an order apply in the order they were accepted, each once."""

from __future__ import annotations

from typing import Any

from local.effects import Effects, eventually, post
from local.session import Session
from tests.flow.test_orders import order, settled


def pay(stack: Session, order_id: str, action: str, amount: int, *, key: str | None = None) -> tuple[int, Any]:
    headers = {"idempotency_key": key or f"{order_id}-{action}-{amount}"}
    body = {"action": action, "amount": amount, "currency": "EUR"}
    return post(f"{stack.state.api_url}/v1/orders/{order_id}/payments", body, **headers)[:2]


def refunded(effects: Effects, order_id: str) -> int:
    return int((effects.item("payments", order_id) or {}).get("refunded", 0))


def test_payments_of_many_orders_apply_in_order_each_once(stack: Session, effects: Effects) -> None:
    ids = [f"pay-{number}" for number in range(8)]
    steps = [("authorize", 500), ("capture", 300), ("capture", 200), ("refund", 100), ("refund", 50)]
    for action, amount in steps:
        for order_id in ids:
            status, answer = pay(stack, order_id, action, amount)
            assert status == 202, answer
            if order_id == ids[0]:
                assert pay(stack, order_id, action, amount)[0] == 202, "a repeated request is accepted"
    assert eventually(lambda: all(refunded(effects, order_id) == 150 for order_id in ids))
    assert settled(effects)
    for order_id in ids:
        payment = effects.item("payments", order_id)
        assert payment is not None
        assert (int(payment["captured"]), int(payment["refunded"])) == (500, 150), order_id


def test_a_captured_payment_and_reserved_stock_ship_the_order(stack: Session, effects: Effects) -> None:
    assert post(f"{stack.state.api_url}/v1/orders", order("chain-1", ("tea-500g", 1)))[0] == 202
    assert pay(stack, "chain-1", "authorize", 900)[0] == 202
    assert pay(stack, "chain-1", "capture", 900)[0] == 202
    assert eventually(lambda: "shipped_by" in (effects.item("shipments", "chain-1") or {}))


def test_a_payment_without_an_idempotency_key_is_refused(stack: Session) -> None:
    body = {"action": "authorize", "amount": 1, "currency": "EUR"}
    status, answer, _ = post(f"{stack.state.api_url}/v1/orders/pay-none/payments", body)
    assert status == 400
    assert "Idempotency-Key" in answer["message"]
