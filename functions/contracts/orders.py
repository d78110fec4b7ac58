"""Orders: the command that places one, and the fact that it was accepted."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from functions.contracts.contract import END, Command, Email, Event

OrderId = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9_-]{{1,64}}{END}",
        description="The caller's own name for the order.",
        examples=["ord-1001"],
    ),
]
Currency = Annotated[str, Meta(pattern=rf"^[A-Z]{{3}}{END}", description="ISO 4217 code.", examples=["EUR"])]
LARGEST_AMOUNT = 10**12
Amount = Annotated[
    int, Meta(ge=1, le=LARGEST_AMOUNT, description="In the currency's minor unit (cents).", examples=[4200])
]
Sku = Annotated[
    str, Meta(pattern=rf"^[A-Za-z0-9_-]{{1,64}}{END}", description="Stock keeping unit.", examples=["tea-500g"])
]


class Line(Struct, frozen=True, kw_only=True):
    """One article of an order, as events tell it: open to new fields."""

    sku: Sku
    quantity: Annotated[int, Meta(ge=1, le=10_000, examples=[2])]
    unit_price: Amount


class OrderLine(Line, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One article of an order, as a caller asks for it: unknown fields are refused."""


class PlaceOrder(Command, frozen=True, kw_only=True):
    """Place an order."""

    business_key: ClassVar[str | None] = "order_id"

    order_id: OrderId
    customer_email: Email
    currency: Currency
    lines: Annotated[tuple[OrderLine, ...], Meta(min_length=1, max_length=50)]


class OrderAccepted(Event, frozen=True, kw_only=True):
    """The order is stored; stock and confirmation follow."""

    source: ClassVar[str] = "orders"
    business_key: ClassVar[str | None] = "order_id"

    order_id: OrderId
    customer_email: Email
    currency: Currency
    total: Amount
    lines: tuple[Line, ...]


class OrderStatus(Struct, frozen=True, kw_only=True):
    """An order that was accepted, as whoever placed it reads it."""

    order_id: OrderId
    currency: Currency
    total: Amount
    lines: tuple[Line, ...]
