"""Which payment action may follow which, and what comes of it."""

from __future__ import annotations

from msgspec import Struct

from functions.contracts.payments import (
    Action,
    ApplyPayment,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentEvent,
    PaymentRefunded,
)


class Step(Struct, frozen=True):
    """What an action leads to, and from where: no payment at all, or one in the state `before`."""

    before: str | None
    after: str
    event: type[PaymentEvent]


STEPS: dict[Action, Step] = {
    "authorize": Step(None, "authorized", PaymentAuthorized),
    "capture": Step("authorized", "captured", PaymentCaptured),
    "refund": Step("captured", "refunded", PaymentRefunded),
}


class Payment(Struct, frozen=True):
    """An order's payment: its state, and the amount that the last action moved."""

    state: str
    amount: int
    currency: str


def reason_to_decline(action: ApplyPayment, payment: Payment | None) -> str | None:
    """Why `action` may not follow on `payment`, or None if it may."""
    before = STEPS[action.action].before
    state = payment.state if payment else None
    if state != before:
        return f"cannot {action.action} a payment that is {state or 'not authorized'}"
    if payment and action.currency != payment.currency:
        return f"cannot {action.action} in {action.currency}: the payment is in {payment.currency}"
    if payment and action.amount > payment.amount:
        return f"cannot {action.action} {action.amount}: the payment holds {payment.amount}"
    return None


def outcome(action: ApplyPayment, declined: str | None = None) -> PaymentEvent:
    """The fact that follows from `action`, done or `declined`."""
    if declined is not None:
        return PaymentDeclined(
            order_id=action.order_id,
            amount=action.amount,
            currency=action.currency,
            action=action.action,
            reason=declined,
        )
    made = STEPS[action.action].event
    return made(order_id=action.order_id, amount=action.amount, currency=action.currency)
