"""What is wrong with a queue at a glance: nobody takes from it, it is older than its alarm lets it be, a limit holds
back more than a minute lets through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ops.depth import ENABLED
from ops.observe.watch import Frame
from ops.stage import Stage
from stacks import names, settings
from stacks.entry import Limit, Topology

MINUTE = 60


def oldest_allowed(stage: Stage) -> float | None:
    """Seconds that a message may wait until the stage's alarm `oldest` rings; None where it has no alarms."""
    try:
        alarms = settings.read(stage.name, names.CONTEXT["stages"]).alarms
    except settings.SettingsError:
        return None
    return alarms.oldest if alarms is not None else None


def trouble(
    topology: Topology, frame: Frame, consumers: Mapping[str, str], allowed: float | None
) -> Iterator[tuple[str, str]]:
    """The name of each queue that something is wrong with, and what, a sentence each of which that name is the subject.

    `consumers` are the states of consumers by the physical name of their queue; `allowed` are the seconds that a
    message may wait.
    """
    for queue in topology.queues:
        work = frame.depths[queue.name]
        state = consumers.get(work.name)
        if state not in (None, ENABLED):
            away = "its consumer takes nothing, because a service is away or a person said so."
            yield queue.name, f"is {state.lower()}: {away}"
        age = frame.rates.oldest.get(work.name) if work.waiting or work.in_flight else None
        if allowed is not None and age is not None and age > allowed:
            yield (
                queue.name,
                f"is behind: its oldest message waits {age:,} s, and its alarm rings from {allowed:,.0f} s.",
            )
        waits = work.waiting + work.in_flight + work.delayed
        if frame.rates.limited.get(queue.name):
            for limit in topology.consumer(queue.name).limits:
                most = most_a_minute(limit)
                if most is not None and waits > most:
                    yield (
                        queue.name,
                        f"is held back: {waits:,} messages wait, and limit {limit.name!r} lets "
                        f"{most:,.0f} a minute through.",
                    )


def most_a_minute(limit: Limit) -> float | None:
    """How many messages the limit lets through in a minute; None where each key has its own, or none is counted."""
    if limit.rate is None or limit.per is not None or limit.in_code or limit.retired:
        return None
    return MINUTE * limit.rate
