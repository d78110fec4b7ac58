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
    return timedelta(seconds=2 * _retention(topology, queue) + DEAD_LETTER_RETENTION)


def hearers(topology: Topology, queue: str) -> list[str]:
    """The other queues that what a queue's consumer tells reaches, at once or by way of others, the nearest first."""
    found = [queue]
    for each in found:
        told = topology.consumer(each).publishes
        found += dict.fromkeys(
            heard.queue
            for heard in topology.subscriptions
            if heard.bus is None and heard.event in told and heard.queue not in found
        )
    return found[1:]


def warnings(topology: Topology, queue: str, asked: Period, now: datetime, *, force: bool) -> list[str]:
    """What must be said of effects that may be had again.

    Raises `UsageError` where e-mails that were sent may be sent again, unless it is forced.
    """
    said = []
    known = remembers(topology, queue)
    forgotten = known is not None and asked.start < now - known
    if forgotten:
        until = _until(topology, queue, now)
        if not force:
            raise UsageError(
                f"{until}: what happened before that it would mail again. Begin later, or say --force if it is new and "
                "never mailed any of it."
            )
        said.append(f"{until}: what happened before that it mails again, if it ever did.")
    elif known is not None and asked.start < now - timedelta(seconds=_retention(topology, queue)):
        said.append(
            f"From {shown(asked.start + known)} on {queue} forgets which e-mails it sent of this period: what of the "
            "replay still waits then, or is dead and redriven later, it mails again."
        )
    expiring = {table.name for each in topology.integrations for table in each.tables if table.expires}
    forgets = sorted(expiring & {access.table for access in topology.consumer(queue).access})
    if forgets:
        said.append(
            f"{queue} keeps records in {', '.join(forgets)}, whose items expire: an effect that only such an item "
            "guards is had again once it is gone."
        )
    if (forgotten or forgets) and (others := hearers(topology, queue)):
        said += _beyond(topology, queue, others, asked, now, force=force)
    return said


def _beyond(
    topology: Topology, queue: str, others: list[str], asked: Period, now: datetime, *, force: bool
) -> list[str]:
    """What must be said of those who hear of what a queue does anew."""
    said = [f"What {queue} does anew it tells again, which goes on to {', '.join(others)}."]
    for other in others:
        known = remembers(topology, other)
        if known is None or asked.start >= now - known:
            continue
        sentence = (
            f"What {queue} does anew goes on to {other}, which knows for {_knows(topology, other, now)}: of what "
            "happened before that it"
        )
        if not force:
            raise UsageError(
                f"{sentence} would mail again. Begin later, or say --force if {queue} is new and never did any of it."
            )
        said.append(f"{sentence} mails again, if it ever did.")
    return said


def _until(topology: Topology, queue: str, now: datetime) -> str:
    return f"{queue} knows for {_knows(topology, queue, now)}"


def _knows(topology: Topology, queue: str, now: datetime) -> str:
    known = remembers(topology, queue)
    assert known is not None
    return f"{known.days} days which e-mails it sent, since {shown(now - known)} UTC"


def _retention(topology: Topology, queue: str) -> int:
    (retention,) = (each.retention for each in topology.queues if each.name == queue)
    return retention
