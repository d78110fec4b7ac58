"""OrderAccepted: a reminder to pay waits until that is due. PaymentAuthorized: it is taken back."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.later import Cancel, Later
from functions.contracts.orders import OrderAccepted
from functions.contracts.payments import PaymentAuthorized
from functions.contracts.reminders import RemindToPay
from functions.plan_reminder.logic import DUE, reminder
from functions.runtime.consumer import Message, consumer
from functions.runtime.table import Table

PAID = Table("paid_orders")


def handle(event: OrderAccepted | PaymentAuthorized, message: Message) -> Iterable[Later | Cancel]:
    """Plan the reminder under the order's id, or cancel it.

    A payment may even be authorized before its order is accepted; so it is noted, and the note counts in the end.
    """
    paid = {"order_id": message.scoped(event.order_id)}
    if isinstance(event, PaymentAuthorized):
        PAID.update(paid, "SET paid = :true", values={":true": True})
        return [Cancel(RemindToPay, event.order_id)]
    return [Later(reminder(event), after=DUE, key=event.order_id)] if PAID.get(paid) is None else ()


handler = consumer(handle, accepts=(OrderAccepted, PaymentAuthorized), services=("sqs",))
