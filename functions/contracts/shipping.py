"""Shipping: the end of order to cash."""

from __future__ import annotations

from typing import ClassVar

from functions.contracts.contract import Event
from functions.contracts.orders import OrderId


class OrderShipped(Event, frozen=True, kw_only=True):
    """Stock was reserved and money captured, and the order left."""

    source: ClassVar[str] = "shipping"
    business_key: ClassVar[str | None] = "order_id"

    order_id: OrderId
