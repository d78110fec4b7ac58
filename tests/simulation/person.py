"""What people do meanwhile: they redrive dead letters, take causes away, rotate secrets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import TypeVar

from stacks import names
from tests.aws.errors import ServiceError
from tests.simulation.deployed import url
from tests.simulation.evidence import PERSON, Accepted, Death
from tests.simulation.queues import Parcel, Queue
from tests.simulation.scheduler import times
from tests.simulation.world import World

T = TypeVar("T", Accepted, Death)

AGAIN = 5
"""Seconds after which a person does again what could not be done."""
PACE = 0.02
"""Seconds from one message of a redrive to the next."""


def redrive(
    world: World,
    *,
    interrupted: bool = False,
    native: bool = False,
    share: float = 1.0,
    shuffled: Random | None = None,
) -> None:
    """Move dead letters back, and what EventBridge put aside, as `python -m ops redrive` does it.

    A message is sent, then deleted, one after the other in order; only the first `share` of each queue are moved, or
    with `shuffled` any of them in any order. One that was `interrupted` deletes nothing of its second half, which the
    next redrive sends again. The `native` one is SQS's own, which leaves no stamp.
    """
    if world.redriven_at is None:
        world.redriven_at = world.clock.now
    for word, queue in world.queues.items():
        for source in (world.dead_letters[word], world.undelivered[word]):
            parcels = list(source.waiting)
            if shuffled:
                shuffled.shuffle(parcels)
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


def drop(world: World, word: str, keys: set[str]) -> None:
    """Delete the dead letters with these idempotency keys, and their places, as `python -m ops drop` does it."""
    queue, table = world.dead_letters[word], world.physical(names.PARKED)
    for parcel in list(queue.waiting):
        key = parcel.attributes.get("idempotency_key")
        if key not in keys:
            continue
        queue.waiting.remove(parcel)
        world.dropped.add(parcel.id)
        item = world.tables.items[table].get(f"{word}/{parcel.group}", {})
        left = {name: value for name, value in item.items() if value.get("S", "").partition(" ")[2] != key}
        if left != item:
            world.store(names.PARKED, left | {"turn": {"S": f"drop {parcel.id}"}})


def fix(world: World, word: str, wrong: str, body: Callable[[str], str]) -> None:
    """Give the dead letters with a `wrong` body the one that belongs to their key, and redrive all of them.

    What was asked for is what the person says that it is.
    """
    for parcel in world.dead_letters[word].waiting:
        if parcel.body == wrong:
            parcel.body = body(parcel.attributes["idempotency_key"])
    world.accepted[:] = [_fixed(each, wrong, body) for each in world.accepted]
    world.deaths[:] = [_fixed(each, wrong, body) for each in world.deaths]
    redrive(world)


def _fixed(told: T, wrong: str, body: Callable[[str], str]) -> T:
    return replace(told, body=body(told.attributes["idempotency_key"])) if told.body == wrong else told


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


def pause(world: World, name: str) -> None:
    """Let a schedule run no more, as `python -m ops schedules pause` does it."""
    world.scheduler.paused[name] = world.clock.now


def resume(world: World, name: str, since: float | None = None) -> None:
    """Send the runs that it missed, and let it run again, as `python -m ops schedules resume` does it."""
    schedule = next(each for each in world.topology.schedules if each.name == name)
    queue = world.topology.queue(schedule.queue)
    paused = world.scheduler.paused.pop(name, since)
    assert paused is not None, f"{name} is not paused"
    for at in times(schedule, world.clock.now):
        if at >= paused:
            world.scheduler.send_run(schedule, queue, url(queue), at)
