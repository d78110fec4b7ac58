"""ReserveVan: a van is set aside once, while the garage is open."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, Reject, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.visits import ReserveVan, VanReserved

VANS = Table("vans")
CLOSED = "the-garage-is-closed"


def handle(asked: ReserveVan, message: Message) -> Iterable[Event]:
    """Set it aside. Raises `Reject` while the garage is closed, which an item says."""
    told = VanReserved(ticket_id=asked.ticket_id, km=asked.km)
    if VANS.get({"ticket_id": CLOSED}):
        raise Reject("The garage is closed; open it, then redrive.")
    item = {"ticket_id": message.scoped(asked.ticket_id), "state": "reserved"}
    try:
        VANS.put(item, condition="attribute_not_exists(ticket_id)")
    except ConditionFailed:
        return Duplicate([told])
    return [told]


handler = consumer(handle, accepts=ReserveVan)
