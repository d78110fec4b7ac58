"""OrderAccepted: an e-mail to the customer, once."""

from __future__ import annotations

from collections.abc import Iterable

from functions.confirm_order.logic import confirmation
from functions.contracts.contract import Event
from functions.contracts.orders import OrderAccepted
from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.mail import send_email
from functions.runtime.once import once


def handle(order: OrderAccepted, message: Message) -> Iterable[Event]:
    """Send the confirmation unless it was sent."""
    letter = confirmation(order)
    sent = once(
        lambda: send_email(to=letter.to, subject=letter.subject, text=letter.text),
        name="confirm_order",
        key=message.scoped(order.order_id),
        content=letter,
    )
    return () if sent else Duplicate()


handler = consumer(handle, accepts=OrderAccepted, services=("sesv2",))
