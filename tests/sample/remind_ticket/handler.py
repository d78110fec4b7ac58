"""RemindTicket: each reminder is noted once, with what came with it."""

from __future__ import annotations

from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.contracts import RemindTicket

REMINDERS = Table("reminders")


def handle(command: RemindTicket, message: Message) -> Duplicate | None:
    """Note the reminder, once for each key; the item says the last one, and which keys there were."""
    said: dict[str, str | int] = {"note": command.note, "key": message.key, "correlation_id": message.correlation_id}
    said |= {"tenant": message.tenant or "", "done": message.attempt}
    try:
        REMINDERS.update(
            {"ticket_id": message.scoped(command.ticket_id)},
            "SET note = :note, #key = :key, correlation_id = :correlation_id, tenant = :tenant, #done = :done",
            condition="attribute_not_exists(#done)",
            names={"#key": "key", "#done": f"done:{message.key}"},
            values={f":{name}": value for name, value in said.items()},
        )
    except ConditionFailed:
        return Duplicate()
    return None


handler = consumer(handle, accepts=RemindTicket)
