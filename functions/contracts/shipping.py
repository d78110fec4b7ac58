"""Shipping: the end of order to cash, good or not, and what it asks for where it was not."""

from __future__ import annotations

from typing import ClassVar

from functions.contracts.contract import Event
from functions.contracts.orders import Amount, Currency, OrderId


class ShippingEvent(Event, frozen=True, kw_only=True):
    """What every event of shipping says."""

    source: ClassVar[str] = "shipping"
    business_key: ClassVar[str | None] = "order_id"

    order_id: OrderId


class OrderShipped(ShippingEvent, frozen=True, kw_only=True):
    """Stock was reserved and money captured, and the order left."""


class OrderOverdue(ShippingEvent, frozen=True, kw_only=True):
    """Stock or money did not come in time."""

    waiting_for: tuple[str, ...]


class OrderUndone(ShippingEvent, frozen=True, kw_only=True):
    """The order will not leave, and its stock and its money are back where they were."""

    cause: str


class StockReleaseAsked(ShippingEvent, frozen=True, kw_only=True):
    """The order will not leave, so its stock is not needed."""

    cause: str


class PaymentReturnAsked(ShippingEvent, frozen=True, kw_only=True):
    """The order will not leave, so its money is the customer's."""

    amount: Amount
    currency: Currency
    cause: str
