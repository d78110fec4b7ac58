"""RemindToPay: an e-mail to the customer, once, unless the order was paid meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.contracts.reminders import RemindToPay
from functions.remind_to_pay.logic import letter
from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.mail import send_email
from functions.runtime.once import once
from functions.runtime.table import Table

PAID = Table("paid_orders")


def handle(reminder: RemindToPay, message: Message) -> Iterable[Event]:
    """Send the reminder unless it was sent, or nobody has to pay any more."""
    if PAID.get({"order_id": message.scoped(reminder.order_id)}) is not None:
        return ()
    said = letter(reminder)
    sent = once(
        lambda: send_email(to=said.to, subject=said.subject, text=said.text),
        name="remind_to_pay",
        key=message.scoped(reminder.order_id),
        content=reminder,
    )
    return () if sent else Duplicate()


handler = consumer(handle, accepts=RemindToPay, services=("sesv2",))
