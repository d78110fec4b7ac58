"""What a reminder says."""

from __future__ import annotations

from msgspec import Struct

from functions.contracts.reminders import RemindToPay


class Letter(Struct, frozen=True):
    """A plain text e-mail."""

    to: str
    subject: str
    text: str


def letter(reminder: RemindToPay) -> Letter:
    """The letter that reminds of an order."""
    total = f"{reminder.total / 100:,.2f} {reminder.currency}"
    return Letter(
        to=reminder.customer_email,
        subject=f"Please pay for your order {reminder.order_id}",
        text=f"Your order {reminder.order_id} waits for its payment of {total}.\n",
    )
