"""ChangeTicket: the claim of its key, one conditional write of its step, then what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.contracts import ChangeDeclined, ChangeTicket, TicketChanged

CHANGES = Table("changes")


def handle(change: ChangeTicket, message: Message) -> Iterable[Event]:
    """Apply the change if it is the next step.

    Each key and each step is an item of its own, so that none grows. No transaction: a step, once it is there, stays,
    and says which key took it, so a worker may die between any two of these calls.
    """
    digest = change.digest()
    changed = TicketChanged(ticket_id=change.ticket_id, step=change.step)
    reason = f"step {change.step} is not the next one"
    declined = ChangeDeclined(ticket_id=change.ticket_id, step=change.step, reason=reason)
    try:
        CHANGES.put(
            {"ticket_id": message.scoped(change.ticket_id, "key", message.key), "digest": digest},
            condition="attribute_not_exists(ticket_id) OR digest = :digest",
            values={":digest": digest},
        )
    except ConditionFailed:
        raise Reject(f"Idempotency key {message.key} came before with another body.") from None
    if change.step > 1 and CHANGES.get({"ticket_id": _step(change, message, change.step - 1)}) is None:
        return [declined]
    try:
        CHANGES.put(
            {"ticket_id": _step(change, message, change.step), "key": message.key},
            condition="attribute_not_exists(ticket_id)",
        )
    except ConditionFailed as failed:
        return Duplicate([changed]) if (failed.item or {})["key"] == message.key else [declined]
    return [changed]


def _step(change: ChangeTicket, message: Message, step: int) -> str:
    return message.scoped(change.ticket_id, "step", str(step))


handler = consumer(handle, accepts=ChangeTicket)
