"""ApplyPayment: one conditional change of the order's payment, then what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from functions.apply_payment.logic import STEPS, Payment, outcome, reason_to_decline
from functions.contracts.contract import Event
from functions.contracts.payments import ApplyPayment
from functions.runtime.consumer import Duplicate, Message, Reject, Retry, consumer
from functions.runtime.table import ConditionFailed, Item, Table

PAYMENTS = Table("payments")


def handle(action: ApplyPayment, message: Message) -> Iterable[Event]:
    """Apply the action if the payment allows it. Raises `Reject` for a key that came with another body.

    The order's item has its state and the keys that led there, which are three at the most. Each key that was declined
    is an item of its own, and the order's item says that there is one, so that nobody looks for it in vain: a payment
    is one write.
    """
    applied = outcome(action)
    standing = _apply(action, message, "attribute_not_exists(declines)")
    if standing is not None and "declines" in standing:
        declined = PAYMENTS.get({"order_id": _declined(action, message)})
        if declined is not None:
            return _again(action, message, declined)
        standing = _apply(action, message)
    if standing is None:
        return [applied]
    before = standing.get(_applied(message))
    return _again(action, message, before) if before else _decline(action, message, standing)


def _apply(action: ApplyPayment, message: Message, *conditions: str) -> Item | None:
    """Move the payment. None if that is done; else the order's item, which does not allow it."""
    # The same rule as logic.reason_to_decline, where DynamoDB can check it and write in one step.
    step = STEPS[action.action]
    allowed = "attribute_not_exists(#state)"
    values: Item = {":after": step.after, ":amount": action.amount, ":currency": action.currency}
    if step.before is not None:
        allowed = "#state = :before AND amount >= :amount AND currency = :currency"
        values[":before"] = step.before
    try:
        PAYMENTS.update(
            {"order_id": message.scoped(action.order_id)},
            "SET #state = :after, amount = :amount, currency = :currency, #applied = :applied",
            condition=" AND ".join((*conditions, "attribute_not_exists(#applied)", allowed)),
            names={"#state": "state", "#applied": _applied(message)},
            values=values | {":applied": {"digest": action.digest(), "declined": None}},
        )
    except ConditionFailed as failed:
        return failed.item or {}
    return None


def _decline(action: ApplyPayment, message: Message, item: Item) -> Iterable[Event]:
    payment = Payment(item["state"], item["amount"], item["currency"]) if "state" in item else None
    declined = reason_to_decline(action, payment)
    if declined is None:
        raise Retry("The payment changed while it was read.")
    fact = outcome(action, declined)
    # First what tells to look for the key, then the key: a worker that dies in between has declined nothing yet.
    if "declines" not in item:
        PAYMENTS.update({"order_id": message.scoped(action.order_id)}, "SET declines = :true", values={":true": True})
    try:
        PAYMENTS.update(
            {"order_id": _declined(action, message)},
            "SET digest = :digest, declined = :declined",
            condition="attribute_not_exists(order_id)",
            values={":digest": action.digest(), ":declined": declined},
        )
    except ConditionFailed as failed:
        return _again(action, message, failed.item or {})
    return [fact]


def _again(action: ApplyPayment, message: Message, before: Item) -> Duplicate:
    if before["digest"] != action.digest():
        raise Reject(f"Idempotency key {message.key} came before with another body; send this one with a new key.")
    return Duplicate([outcome(action, before["declined"])])


def _applied(message: Message) -> str:
    return f"applied:{message.key}"


def _declined(action: ApplyPayment, message: Message) -> str:
    return message.scoped(action.order_id, "declined", message.key)


handler = consumer(handle, accepts=ApplyPayment)
