"""What people do meanwhile: they redrive dead letters, take causes away, rotate secrets."""

from __future__ import annotations

from tests.simulation.queues import Parcel, Queue
from tests.simulation.world import World

PACE = 0.02
"""Seconds from one message of a redrive to the next."""


def redrive(world: World, *words: str, interrupted: bool = False) -> None:
    """Move the dead letters of the queues back, all queues without `words`, as `python -m ops redrive` does it.

    A message is sent, then deleted, one after the other in order. One that was `interrupted` deletes nothing of its
    second half, which the next redrive sends again.
    """
    if world.redriven_at is None:
        world.redriven_at = world.clock.now
    for word, queue in world.queues.items():
        if words and word not in words:
            continue
        for source in (world.dead_letters[word], world.undelivered[word]):
            parcels = list(source.waiting)
            for place, parcel in enumerate(parcels):
                kept = interrupted and place >= len(parcels) / 2
                world.clock.after(PACE * place, lambda *, p=parcel, s=source, q=queue, k=kept: _move(p, s, q, kept=k))  # type: ignore[misc]


def _move(parcel: Parcel, source: Queue, queue: Queue, *, kept: bool) -> None:
    if parcel not in source.waiting:
        return
    attributes = {name: text for name, text in parcel.attributes.items() if name != "ERROR_CODE"}
    times = int(attributes.get("redriven", "0 ").split()[0] or 0)
    attributes["redriven"] = f"{times + 1} run-{times + 1}"
    deduplication = ":".join([*filter(None, [attributes.get("idempotency_key")]), parcel.id])
    queue.send(parcel.body, attributes, parcel.group, deduplication)
    if not kept:
        source.waiting.remove(parcel)


def employ(world: World, agent: str, hours: int) -> None:
    """Add the agent that messages were rejected for."""
    world.store("agents", {"agent": {"S": agent}, "hours": {"N": str(hours)}})
    world.hours[agent] = hours


def rotate(world: World, sender: str, value: str) -> None:
    """Give the sender's secret a new value."""
    world.vault.rotate(world.physical(f"{sender}_webhook"), value)
