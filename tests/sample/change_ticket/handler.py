"""ChangeTicket: one transaction that only the next step passes, then what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import Cancelled, Put, Table, Update, transact
from tests.sample.contracts import ChangeDeclined, ChangeTicket, TicketChanged

CHANGES = Table("changes")
# The position of the write that keeps the key.
KEY = 0


def handle(change: ChangeTicket, message: Message) -> Iterable[Event]:
    """Apply the change if it is the next step.

    The ticket's item has its step, and each key that was applied is an item of its own, so that neither grows. A
    claim of the key before the step, without a transaction, would be cheaper and could not tell a step that was applied
    from one whose worker died.
    """
    changed = TicketChanged(ticket_id=change.ticket_id, step=change.step)
    key = {"ticket_id": message.scoped(change.ticket_id, "applied", message.key), "digest": change.digest()}
    step = Update(
        table=CHANGES,
        key={"ticket_id": message.scoped(change.ticket_id)},
        change="SET step = :step",
        condition="attribute_not_exists(step)" if change.step == 1 else "step = :before",
        values={":step": change.step} | ({":before": change.step - 1} if change.step > 1 else {}),
    )
    try:
        transact([Put(table=CHANGES, item=key, condition="attribute_not_exists(ticket_id)"), step])
    except Cancelled as cancelled:
        applied = cancelled.failed.get(KEY)
        if applied is None:
            reason = f"step {change.step} is not the next one"
            return [ChangeDeclined(ticket_id=change.ticket_id, step=change.step, reason=reason)]
        if applied["digest"] != change.digest():
            raise Reject(f"Idempotency key {message.key} came before with another body.") from None
        return Duplicate([changed])
    return [changed]


handler = consumer(handle, accepts=ChangeTicket)
