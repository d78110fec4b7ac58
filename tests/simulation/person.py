"""What people do meanwhile: they redrive dead letters, take causes away, rotate secrets."""

from __future__ import annotations

import math
from functools import partial

from tests.simulation.evidence import PERSON
from tests.simulation.queues import Parcel, Queue
from tests.simulation.wire import ServiceError
from tests.simulation.world import World

AGAIN = 5
"""Seconds after which a person does again what could not be done."""
PACE = 0.02
"""Seconds from one message of a redrive to the next."""


def redrive(world: World, *, interrupted: bool = False, native: bool = False, share: float = 1.0) -> None:
    """Move dead letters back, and what EventBridge put aside, as `python -m ops redrive` does it.

    A message is sent, then deleted, one after the other in order; only the first `share` of each queue are moved. One
    that was `interrupted` deletes nothing of its second half, which the next redrive sends again. The `native` one is
    SQS's own, which leaves no stamp.
    """
    if world.redriven_at is None:
        world.redriven_at = world.clock.now
    for word, queue in world.queues.items():
        for source in (world.dead_letters[word], world.undelivered[word]):
            parcels = list(source.waiting)
            for place, parcel in enumerate(parcels[: math.ceil(share * len(parcels))]):
                kept = interrupted and place >= len(parcels) / 2
                move = partial(_move, parcel, source, queue, kept=kept, native=native)
                world.clock.after(PACE * place, move)


def _move(parcel: Parcel, source: Queue, queue: Queue, *, kept: bool, native: bool) -> None:
    if parcel not in source.waiting:
        return
    attributes = {name: text for name, text in parcel.attributes.items() if name != "ERROR_CODE"}
    if not native:
        times = int(attributes.get("redriven", "0").split()[0])
        attributes["redriven"] = f"{times + 1} run-{times + 1}"
    deduplication = ":".join([*filter(None, [attributes.get("idempotency_key")]), parcel.id])
    queue.send(parcel.body, attributes, parcel.group, deduplication)
    if not kept:
        source.waiting.remove(parcel)


def switch(world: World, word: str, *, on: bool) -> None:
    """Enable or disable the mapping of a consumer, again if it is just being switched."""
    try:
        world.sources[world.physical(word)].switch(PERSON, on=on)
    except ServiceError:
        world.clock.after(AGAIN, lambda: switch(world, word, on=on))


def employ(world: World, agent: str, hours: int) -> None:
    """Add the agent that messages were rejected for."""
    world.store("agents", {"agent": {"S": agent}, "hours": {"N": str(hours)}})
    world.hours[agent] = hours


def rotate(world: World, sender: str, value: str) -> None:
    """Give the sender's secret a new value."""
    world.vault.rotate(world.physical(f"{sender}_webhook"), value)
