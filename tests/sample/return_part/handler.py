"""PartReturnAsked: what was set aside is free again, once."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.visits import PartReturnAsked, PartReturned

PARTS = Table("parts")


def handle(asked: PartReturnAsked, message: Message) -> Iterable[Event]:
    """Give it back if it is taken; whoever asked is told in any case."""
    told = PartReturned(ticket_id=asked.ticket_id)
    try:
        PARTS.update(
            {"ticket_id": message.scoped(asked.ticket_id)},
            "SET #state = :returned",
            condition="#state = :reserved",
            names={"#state": "state"},
            values={":reserved": "reserved", ":returned": "returned"},
        )
    except ConditionFailed:
        return Duplicate([told])
    return [told]


handler = consumer(handle, accepts=PartReturnAsked)
