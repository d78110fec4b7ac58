"""Reminders: the command that asks a customer to pay, which waits until that is due."""

from __future__ import annotations

from typing import ClassVar

from functions.contracts.contract import Command, Email
from functions.contracts.orders import Amount, Currency, OrderId


class RemindToPay(Command, frozen=True, kw_only=True):
    """Ask the customer to pay for the order."""

    business_key: ClassVar[str | None] = "order_id"

    order_id: OrderId
    customer_email: Email
    currency: Currency
    total: Amount
