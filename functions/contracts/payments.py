"""Payments: the command that moves money for an order, and what came of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from functions.contracts.contract import Command, Event
from functions.contracts.orders import Amount, Currency, OrderId
from functions.contracts.path import FromPath

Action = Literal["authorize", "capture", "refund"]


class ApplyPayment(Command, frozen=True, kw_only=True):
    """Authorize, capture or refund an amount for the order named in the path.

    The order id is the FIFO message group, so the three apply in the order in which they were accepted.
    """

    order_id: Annotated[OrderId, FromPath]
    action: Action
    amount: Amount
    currency: Currency


class PaymentEvent(Event, frozen=True, kw_only=True):
    """What every payment event says."""

    source: ClassVar[str] = "payments"
    business_key: ClassVar[str | None] = "order_id"

    order_id: OrderId
    amount: Amount
    currency: Currency


class PaymentAuthorized(PaymentEvent, frozen=True, kw_only=True):
    """The amount is held for the order."""


class PaymentCaptured(PaymentEvent, frozen=True, kw_only=True):
    """The amount was taken."""


class PaymentRefunded(PaymentEvent, frozen=True, kw_only=True):
    """The amount was given back."""


class PaymentDeclined(PaymentEvent, frozen=True, kw_only=True):
    """The payment's state did not allow the action; nothing was moved."""

    action: Action
    reason: str
