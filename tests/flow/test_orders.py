"""Standard queues, end to end: HTTP in, the effect once, its event, every subscriber."""

from __future__ import annotations

from typing import Any

from local.effects import Effects, eventually, post
from local.session import Session
from local.tap import Tap
from stacks.topology import TOPOLOGY


def order(order_id: str, *lines: tuple[str, int]) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "customer_email": f"{order_id}@example.com",
        "currency": "EUR",
        "lines": [{"sku": sku, "quantity": quantity, "unit_price": 900} for sku, quantity in lines],
    }


def settled(effects: Effects) -> bool:
    return eventually(lambda: all(effects.depth(queue.name) == 0 for queue in TOPOLOGY.queues))


def test_an_order_takes_effect_once_and_reaches_every_subscriber(stack: Session, effects: Effects, tap: Tap) -> None:
    url, before = f"{stack.state.api_url}/v1/orders", effects.available("cup-blue")
    status, answer, headers = post(url, order("flow-1", ("cup-blue", 3)), x_correlation_id="corr-flow-1")
    assert status == 202, answer
    assert answer["correlation_id"] == headers["X-Correlation-Id"] == "corr-flow-1"
    assert answer["message_id"]

    assert eventually(lambda: effects.item("reservations", "flow-1")), "StockReserved's own effect"
    assert eventually(lambda: effects.mails("flow-1")), "the confirmation"
    stored = effects.item("orders", "flow-1")
    assert stored is not None

    assert post(url, order("flow-1", ("cup-blue", 3)))[0] == 202, "a repeated request is accepted"
    assert settled(effects)
    assert effects.available("cup-blue") == before - 3
    assert len(effects.mails("flow-1")) == 1
    assert tap.types("flow-1") == ["OrderAccepted", "StockReserved"], "the repeated request told the same events again"
    assert {
        envelope["correlation_id"] for envelope in tap.envelopes() if envelope["data"].get("order_id") == "flow-1"
    } >= {"corr-flow-1"}


def test_many_orders_at_once_each_take_effect_once(stack: Session, effects: Effects) -> None:
    url, before = f"{stack.state.api_url}/v1/orders", effects.available("tea-500g")
    ids = [f"flow-many-{number:02}" for number in range(25)]
    for order_id in [*ids, *ids[:10]]:
        assert post(url, order(order_id, ("tea-500g", 1)))[0] == 202
    assert eventually(lambda: all(effects.item("reservations", order_id) for order_id in ids), within=60)
    assert settled(effects)
    assert effects.available("tea-500g") == before - len(ids)
    assert [order_id for order_id in ids if len(effects.mails(order_id)) != 1] == []


def test_a_refused_body_reaches_no_queue(stack: Session, effects: Effects) -> None:
    assert settled(effects)
    for body in (b'{"order_id": ', b"", b"[]", b'{"order_id": "flow-bad"}', b'{"order_id": 1}'):
        status, answer, _ = post(f"{stack.state.api_url}/v1/orders", body)
        assert status == 400, body
        assert answer["message"]
    assert settled(effects)
    assert effects.item("orders", "flow-bad") is None
