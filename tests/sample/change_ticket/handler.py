"""ChangeTicket: one conditional write that only the next step passes, then what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.contracts import ChangeDeclined, ChangeTicket, TicketChanged

CHANGES = Table("changes")


def handle(change: ChangeTicket, message: Message) -> Iterable[Event]:
    """Apply the change if it is the next step."""
    ticket_id = message.group
    if not ticket_id:
        raise Reject("The message has no group; send changes to the FIFO queue, with the ticket id as the group.")
    changed = TicketChanged(ticket_id=ticket_id, step=change.step)
    try:
        CHANGES.update(
            {"ticket_id": ticket_id},
            "SET step = :step, #applied = :digest",
            condition="attribute_not_exists(#applied) AND "
            + ("attribute_not_exists(step)" if change.step == 1 else "step = :before"),
            names={"#applied": f"applied:{message.key}"},
            values={":step": change.step, ":digest": change.digest()}
            | ({":before": change.step - 1} if change.step > 1 else {}),
        )
    except ConditionFailed as failed:
        digest = (failed.item or {}).get(f"applied:{message.key}")
        if digest is None:
            reason = f"step {change.step} is not the next one"
            return [ChangeDeclined(ticket_id=ticket_id, step=change.step, reason=reason)]
        if digest != change.digest():
            raise Reject(f"Idempotency key {message.key} came before with another body.") from None
        return Duplicate([changed])
    return [changed]


handler = consumer(handle, accepts=ChangeTicket)
