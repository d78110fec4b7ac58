"""When a customer is reminded to pay, and of what."""

from __future__ import annotations

from functions.contracts.orders import OrderAccepted
from functions.contracts.reminders import RemindToPay

DUE = 3 * 24 * 60 * 60
"""Seconds from an order's acceptance until its payment is due."""


def reminder(order: OrderAccepted) -> RemindToPay:
    """What reminds of `order`."""
    return RemindToPay(
        order_id=order.order_id, customer_email=order.customer_email, currency=order.currency, total=order.total
    )
