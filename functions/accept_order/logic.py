"""What an accepted order is worth."""

from __future__ import annotations

from functions.contracts.orders import LARGEST_AMOUNT, OrderAccepted, PlaceOrder
from functions.contracts.reject import Reject


def accept(order: PlaceOrder) -> OrderAccepted:
    """The fact that follows from `order`; its total is the sum of its lines, in the currency's minor unit.

    Raises `Reject` for a total that no amount can say.
    """
    total = sum(line.quantity * line.unit_price for line in order.lines)
    if total > LARGEST_AMOUNT:
        raise Reject(
            f"The total of order {order.order_id} is {total:,}, which is too large: an amount is {LARGEST_AMOUNT:,} at "
            "the most. Split the order."
        )
    return OrderAccepted(
        order_id=order.order_id,
        customer_email=order.customer_email,
        currency=order.currency,
        total=total,
        lines=order.lines,
    )
