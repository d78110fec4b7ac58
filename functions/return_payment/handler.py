"""PaymentReturnAsked: what was captured is refunded, once."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.contracts.payments import PaymentRefunded
from functions.contracts.shipping import PaymentReturnAsked
from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.table import ConditionFailed, Table

PAYMENTS = Table("payments")


def handle(asked: PaymentReturnAsked, message: Message) -> Iterable[Event]:
    """Refund all of it, or what a person has not refunded before."""
    told = PaymentRefunded(order_id=asked.order_id, amount=asked.amount, currency=asked.currency)
    try:
        PAYMENTS.update(
            {"order_id": message.scoped(asked.order_id)},
            "SET #state = :refunded, amount = :amount, returned = :by",
            condition="#state = :captured OR (#state = :refunded AND amount < :amount)",
            names={"#state": "state"},
            values={
                ":captured": "captured",
                ":refunded": "refunded",
                ":amount": asked.amount,
                ":by": message.cause,
            },
        )
    except ConditionFailed:
        return Duplicate([told])
    return [told]


handler = consumer(handle, accepts=PaymentReturnAsked)
