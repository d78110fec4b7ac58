"""Stock: what became of an order's reservation."""

from __future__ import annotations

from typing import ClassVar

from functions.contracts.contract import Event
from functions.contracts.orders import OrderId, Sku


class StockReserved(Event, frozen=True, kw_only=True):
    """Every line of the order is set aside."""

    source: ClassVar[str] = "stock"
    business_key: ClassVar[str | None] = "order_id"

    order_id: OrderId


class StockShort(Event, frozen=True, kw_only=True):
    """At least one article was short; nothing was set aside."""

    source: ClassVar[str] = "stock"
    business_key: ClassVar[str | None] = "order_id"

    order_id: OrderId
    short: tuple[Sku, ...]


class StockReleased(Event, frozen=True, kw_only=True):
    """Nothing is set aside for the order any more."""

    source: ClassVar[str] = "stock"
    business_key: ClassVar[str | None] = "order_id"

    order_id: OrderId
