"""TicketOpened: an e-mail, once."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.mail import send_email
from functions.runtime.once import once
from tests.sample.contracts import TicketOpened


class Letter(Struct, frozen=True):
    """A plain text e-mail."""

    to: str
    subject: str
    text: str


def handle(ticket: TicketOpened, message: Message) -> Iterable[Event]:
    """Send it unless it was sent."""
    letter = Letter(to=ticket.email, subject=f"Your ticket {ticket.ticket_id}", text="We look into it.\n")
    sent = once(
        lambda: send_email(to=letter.to, subject=letter.subject, text=letter.text),
        name="mail_ticket",
        key=message.scoped(ticket.ticket_id),
        content=letter,
    )
    return () if sent else Duplicate()


handler = consumer(handle, accepts=TicketOpened, services=("sesv2",))
