"""RateTickets: each run of the schedule is noted once, with how often it was attempted."""

from __future__ import annotations

from functions.runtime.consumer import Duplicate, Message, consumer
from functions.runtime.table import ConditionFailed, Table
from tests.sample.contracts import RateTickets

RATINGS = Table("ratings")


def handle(command: RateTickets, message: Message) -> Duplicate | None:
    """Note the run, which its key names."""
    try:
        RATINGS.put(
            {"run": message.key, "language": command.language, "at": command.at},
            condition="attribute_not_exists(#run)",
            names={"#run": "run"},
        )
    except ConditionFailed:
        return Duplicate()
    return None


handler = consumer(handle, accepts=RateTickets)
