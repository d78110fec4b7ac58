"""ApplyPayment: one conditional change of the order's payment, then what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functions.apply_payment.logic import STEPS, Payment, outcome, reason_to_decline
from functions.contracts.contract import Event
from functions.contracts.payments import ApplyPayment
from functions.runtime.consumer import Duplicate, Message, Reject, Retry, consumer
from functions.runtime.table import ConditionFailed, Item, Table

PAYMENTS = Table("payments")


def handle(action: ApplyPayment, message: Message) -> Iterable[Event]:
    """Apply the action if the payment allows it. Raises `Reject` for a key that came with another body."""
    order_id = message.group
    if not order_id:
        raise Reject("The message has no group; send payments to the FIFO queue, with the order id as the group.")
    try:
        _apply(order_id, action, message)
    except ConditionFailed as failed:
        return _explain(order_id, action, message, failed.item)
    return [outcome(order_id, action, declined=None)]


def _apply(order_id: str, action: ApplyPayment, message: Message) -> None:
    # The same rule as logic.reason_to_decline, where DynamoDB can check it and write in one step.
    step = STEPS[action.action]
    allowed = "attribute_not_exists(#state)"
    values: Item = {":after": step.after, ":amount": action.amount, ":currency": action.currency}
    if step.before is not None:
        allowed = "#state = :before AND amount >= :amount AND currency = :currency"
        values[":before"] = step.before
    PAYMENTS.update(
        {"order_id": order_id},
        "SET #state = :after, amount = :amount, currency = :currency, #applied = :applied",
        condition=f"attribute_not_exists(#applied) AND {allowed}",
        names={"#state": "state", "#applied": _applied(message)},
        values=values | {":applied": {"digest": action.digest(), "declined": None}},
    )


def _explain(order_id: str, action: ApplyPayment, message: Message, item: Item | None) -> Iterable[Event]:
    applied = (item or {}).get(_applied(message))
    if applied is not None:
        return _again(order_id, action, message, applied)
    payment = Payment(item["state"], item["amount"], item["currency"]) if item and "state" in item else None
    declined = reason_to_decline(action, payment)
    if declined is None:
        raise Retry("The payment changed while it was read.")
    try:
        PAYMENTS.update(
            {"order_id": order_id},
            "SET #applied = :applied",
            condition="attribute_not_exists(#applied)",
            names={"#applied": _applied(message)},
            values={":applied": {"digest": action.digest(), "declined": declined}},
        )
    except ConditionFailed as failed:
        return _again(order_id, action, message, (failed.item or {})[_applied(message)])
    return [outcome(order_id, action, declined)]


def _again(order_id: str, action: ApplyPayment, message: Message, applied: dict[str, Any]) -> Duplicate:
    if applied["digest"] != action.digest():
        raise Reject(f"Idempotency key {message.key} came before with another body; send this one with a new key.")
    return Duplicate([outcome(order_id, action, applied["declined"])])


def _applied(message: Message) -> str:
    return f"applied:{message.key}"


handler = consumer(handle, accepts=ApplyPayment)
