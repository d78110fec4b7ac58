"""AgentAsked: the agent goes, once, and nobody calls them back."""

from __future__ import annotations

from collections.abc import Iterable

from functions.contracts.contract import Event
from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.visits import AgentAsked, AgentSent

JOURNEYS = Table("journeys")


def handle(asked: AgentAsked, message: Message) -> Iterable[Event]:
    """Send them, unless they went."""
    told = AgentSent(ticket_id=asked.ticket_id)
    item = {"ticket_id": message.scoped(asked.ticket_id), "part": asked.part}
    try:
        JOURNEYS.put(item, condition="attribute_not_exists(ticket_id)")
    except ConditionFailed:
        return Duplicate([told])
    return [told]


handler = consumer(handle, accepts=AgentAsked)
