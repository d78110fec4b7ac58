"""ReservePart: a part is set aside once, or there is none."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.visits import PartMissing, PartReserved, ReservePart

PARTS = Table("parts")


def handle(asked: ReservePart, message: Message) -> Iterable[Event]:
    """Set it aside; nobody has one that is called `none`."""
    if asked.part == "none":
        return [PartMissing(ticket_id=asked.ticket_id, reason="there is none left")]
    told = PartReserved(ticket_id=asked.ticket_id, part=asked.part)
    item = {"ticket_id": message.scoped(asked.ticket_id), "state": "reserved"}
    try:
        PARTS.put(item, condition="attribute_not_exists(ticket_id)")
    except ConditionFailed:
        return Duplicate([told])
    return [told]


handler = consumer(handle, accepts=ReservePart)
