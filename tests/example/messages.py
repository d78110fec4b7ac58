"""The example's commands and events, with what a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from functions.contracts.orders import OrderAccepted, OrderLine, PlaceOrder
from functions.contracts.payments import Action, ApplyPayment


def order(order_id: str = "ord-1", **changes: Any) -> PlaceOrder:
    fields: dict[str, Any] = {
        "order_id": order_id,
        "customer_email": "ada@example.com",
        "currency": "EUR",
        "lines": (OrderLine(sku="tea", quantity=2, unit_price=450),),
    }
    return PlaceOrder(**fields | changes)


def accepted(order_id: str = "ord-1", **quantities: int) -> OrderAccepted:
    lines = tuple(OrderLine(sku=sku, quantity=n, unit_price=450) for sku, n in (quantities or {"tea": 2}).items())
    return OrderAccepted(order_id=order_id, customer_email="ada@example.com", currency="EUR", total=900, lines=lines)


def payment(action: Action, amount: int = 900, order_id: str = "ord-1") -> ApplyPayment:
    return ApplyPayment(order_id=order_id, action=action, amount=amount, currency="EUR")
