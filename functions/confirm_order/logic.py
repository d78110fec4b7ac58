"""What the confirmation of an order says."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from functions.contracts.orders import OrderAccepted


class Letter(Struct, frozen=True):
    """A plain text e-mail."""

    to: str
    subject: str
    text: str


class Facts(Struct, frozen=True):
    """What a confirmation is about. The letter may be worded anew, and stays the confirmation that was sent."""

    to: str
    total: int
    currency: str
    pieces: dict[str, int]


def facts(order: OrderAccepted) -> Facts:
    """What the confirmation of `order` is about."""
    pieces: Counter[str] = Counter()
    for line in order.lines:
        pieces[line.sku] += line.quantity
    return Facts(
        to=order.customer_email, total=order.total, currency=order.currency, pieces=dict(sorted(pieces.items()))
    )


def confirmation(order: OrderAccepted) -> Letter:
    """The letter that confirms `order`."""
    lines = "\n".join(f"  {line.quantity} x {line.sku}" for line in order.lines)
    total = f"{order.total / 100:,.2f} {order.currency}"
    return Letter(
        to=order.customer_email,
        subject=f"Your order {order.order_id}",
        text=f"Thank you. We have your order {order.order_id}:\n\n{lines}\n\nTotal: {total}\n",
    )
