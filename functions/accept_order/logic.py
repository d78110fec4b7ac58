"""What an accepted order is worth."""

from __future__ import annotations

from functions.contracts.orders import OrderAccepted, PlaceOrder


def accept(order: PlaceOrder) -> OrderAccepted:
    """The fact that follows from `order`; its total is the sum of its lines, in the currency's minor unit."""
    return OrderAccepted(
        order_id=order.order_id,
        customer_email=order.customer_email,
        currency=order.currency,
        total=sum(line.quantity * line.unit_price for line in order.lines),
        lines=order.lines,
    )
