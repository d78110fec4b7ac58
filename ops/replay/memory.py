"""How long a subscriber knows what it has done: a replay of what is older than that may have effects again."""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.contracts.environment import DEAD_LETTER_RETENTION
from ops.errors import UsageError
from ops.replay.period import Period, shown
from stacks.entry import Topology


def remembers(topology: Topology, queue: str) -> timedelta | None:
    """How long an effect behind `once()` is known, as `functions.runtime.once` keeps it; None where there is none."""
    if not topology.consumer(queue).sends_email:
        return None
    (retention,) = (each.retention for each in topology.queues if each.name == queue)
    return timedelta(seconds=2 * retention + DEAD_LETTER_RETENTION)


def warnings(topology: Topology, queue: str, asked: Period, now: datetime, *, force: bool) -> list[str]:
    """What must be said of effects that may be had again.

    Raises `UsageError` where e-mails that were sent may be sent again, unless it is forced.
    """
    said = []
    known = remembers(topology, queue)
    if known is not None and asked.start < now - known:
        until = f"{queue} knows for {known.days} days which e-mails it sent, since {shown(now - known)} UTC"
        if not force:
            raise UsageError(
                f"{until}: what happened before that it would mail again. Begin later, or say --force if it is new and "
                "never mailed any of it."
            )
        said.append(f"{until}: what happened before that it mails again, if it ever did.")
    expiring = {table.name for each in topology.integrations for table in each.tables if table.expires}
    forgets = sorted(expiring & {access.table for access in topology.consumer(queue).access})
    if forgets:
        said.append(
            f"{queue} keeps records in {', '.join(forgets)}, whose items expire: an effect that only such an item "
            "guards is had again once it is gone."
        )
    return said
