"""Kinds of scenario about workflows: facts in any order, twice and late, steps that fail, die and are redriven.

What plans commands is played by `plan`: Scheduler is no part of the simulation, and what it does to a deadline is to
bring it up to a minute late, sometimes twice, and sometimes although it was cancelled a moment before.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

from functions.contracts.plan import PLAN_COMMAND, Planned
from tests.sample.chained import chained
from tests.sample.followed import sooner
from tests.simulation import person
from tests.simulation.auditor import Verdict
from tests.simulation.clock import EPOCH
from tests.simulation.evidence import Evidence
from tests.simulation.faults import MODES, Curse, Outage, Plan
from tests.simulation.scenario import DAY, Deed, Scenario
from tests.simulation.traffic import Send
from tests.simulation.workflow_auditor import audit
from tests.simulation.world import World

WITHIN = 120
"""Seconds from a visit's first fact to its deadline."""
SOON = 60
"""Seconds within which requests come."""
CLOSED = {"ticket_id": {"S": "the-garage-is-closed"}}


TOPOLOGY = sooner(WITHIN)
CHAINED = chained(WITHIN)


@dataclass(frozen=True)
class WorkflowScenario(Scenario):
    """A scenario of visits, with its own judge."""

    def judged(self, evidence: Evidence) -> Verdict:
        """What the auditor of workflows says of it."""
        return audit(evidence)


def plan(world: World) -> None:
    """Take what is asked to be planned off its queue as it comes, and bring it when its time has come."""
    queue, random = world.queues[PLAN_COMMAND], Random(f"plans of {world.clock.now}")
    cancelled: set[str] = set()

    def fire(ask: dict[str, object]) -> None:
        if str(ask["key"]) in cancelled and random.random() < 0.8:
            return
        attributes = dict(ask["attributes"])  # type: ignore[call-overload]
        # Without a key nobody takes it back: the workflow itself must know that it is over.
        attributes["planned_for"] = str(Planned(int(str(ask["at"])), str(ask["asked"])))
        world.queues[str(ask["queue"])].send(str(ask["text"]), attributes)

    def take() -> None:
        for parcel in list(queue.waiting):
            queue.waiting.remove(parcel)
            ask = json.loads(parcel.body)
            if "at" not in ask:
                cancelled.add(ask["key"])
                continue
            for _ in range(1 + (random.random() < 0.2)):
                left = ask["at"] / 1000 - EPOCH - world.clock.now
                world.clock.after(max(left, 0) + random.uniform(0, 60), partial(fire, ask))

    queue.changed = take


def _close(world: World) -> None:
    world.store("vans", CLOSED)


def _open(world: World) -> None:
    table = world.physical("vans")
    del world.tables.items[table]["the-garage-is-closed"]


def visits(random: Random, size: int, *, late: float = 0.15, missing: float = 0.15) -> list[Send]:
    """About `size` requests: for each visit a van and a part, in any order; some want what is not there, or forget one.

    `late` is the share of requests that come when the deadline is over, `missing` that of parts that nobody has.
    """
    sends: list[Send] = []
    for number in range(max(size // 2, 1)):
        ticket, tenant = f"tic-{number}", random.choice((None, "acme"))
        attributes = {"correlation_id": f"corr-{ticket}"} | ({"tenant": tenant} if tenant else {})
        part = "none" if random.random() < missing else "pump"
        asks: list[tuple[str, dict[str, Any]]] = [
            ("reserve_van", {"ticket_id": ticket, "km": 10 + number}),
            ("reserve_part", {"ticket_id": ticket, "part": part}),
        ]
        for queue, body in asks:
            if random.random() < 0.1:
                continue
            at = random.uniform(0, SOON)
            if random.random() < late:
                at += WITHIN + random.uniform(0, 300)
            for again in range(1 + (random.random() < 0.1)):
                sends.append(Send(at + again * random.uniform(0, 30), queue, json.dumps(body), attributes))
    return sorted(sends, key=lambda send: send.at)


def _scenario(sends: list[Send], faults: Plan, *deeds: tuple[float, Deed]) -> WorkflowScenario:
    # Whatever is dead is redriven twice, long after everything else: what stays dead then would be stuck.
    last: tuple[tuple[float, Deed], ...] = tuple((at, lambda world: person.redrive(world)) for at in (DAY, 1.5 * DAY))
    return WorkflowScenario(sends, faults, deeds=((0.0, plan), *deeds, *last), hours={}, topology=TOPOLOGY)


def calm(random: Random, size: int) -> Scenario:
    """Nothing fails but parts that are not there; queues and the bus repeat and reorder."""
    return _scenario(visits(random, size), Plan(duplicates=0.3))


def kills(random: Random, size: int) -> Scenario:
    """Workers die before and after calls: between a fact and its claim, and between that and what it tells."""
    return _scenario(
        visits(random, size), Plan(rates={"kill before": 0.06, "kill after": 0.06}, kills=8, duplicates=0.1)
    )


def untold(random: Random, size: int) -> Scenario:
    """Workers die after what they did and before they could tell it."""
    return _scenario(
        visits(random, size), Plan(rates={"kill before": 0.2}, only=("PutEvents", "SendMessageBatch"), kills=20)
    )


def at_once(random: Random, size: int) -> Scenario:
    """Both facts of a visit come at the same moment, to different workers."""
    sends = [replace(send, at=int(json.loads(send.body)["ticket_id"][4:]) * 3.0) for send in visits(random, size)]
    return _scenario(sorted(sends, key=lambda send: send.at), Plan(duplicates=0.3, slow={"-plan_visit": 0.5}))


def late(random: Random, size: int) -> Scenario:
    """One of the two comes about when the deadline does, while the other is just being given back, which takes long."""
    return _scenario(_about_the_deadline(random, size), Plan(duplicates=0.1, slow={"returned": 4.0}))


def _about_the_deadline(random: Random, size: int) -> list[Send]:
    sends = []
    for number in range(max(size // 2, 1)):
        ticket = f"tic-{number}"
        asks: list[tuple[str, dict[str, Any]]] = [
            ("reserve_van", {"ticket_id": ticket, "km": 1}),
            ("reserve_part", {"ticket_id": ticket, "part": "pump"}),
        ]
        random.shuffle(asks)
        for at, (queue, body) in zip((0.0, random.uniform(WITHIN - 10, WITHIN + 70)), asks, strict=True):
            sends.append(Send(at, queue, json.dumps(body), {"correlation_id": ticket}))
    return sorted(sends, key=lambda send: send.at)


def lost(random: Random, size: int) -> Scenario:
    """Writes are done and their answers lost, or done long after they were given up."""
    rates = {"lost, closed": 0.06, "lost, hanging": 0.03, "late": 0.04}
    return _scenario(visits(random, size), Plan(rates=rates, only=("dynamodb", "sqs"), duplicates=0.1))


def throttle(random: Random, size: int) -> Scenario:
    """Calls are throttled and refused, and calls of several entries do some of them only."""
    rates = {"throttle": 0.05, "5xx": 0.05, "partial": 0.2}
    return _scenario(visits(random, size), Plan(rates=rates, duplicates=0.05))


def outage(random: Random, size: int) -> Scenario:
    """A service is away for minutes, beyond the deadline or not."""
    service, start = random.choice(("dynamodb", "events", "sqs")), random.uniform(1, 60)
    away = Outage(service, start, random.choice((45, 200, 900)), random.choice(MODES))
    return _scenario(visits(random, size), Plan(outages=(away,)))


def dies(random: Random, size: int) -> Scenario:
    """The garage is closed: vans die, and say so; it opens, and they are redriven after their visits were undone."""
    opens = random.uniform(100, 2000)
    sends = visits(random, size, late=0.05, missing=0.05)
    closes = random.choice((0.0, SOON / 2))
    redriven = (opens + random.uniform(1, 600), lambda world: person.redrive(world))
    return _scenario(sends, Plan(duplicates=0.1), (closes, _close), (opens, _open), redriven)


def deadly(random: Random, size: int) -> Scenario:
    """Some vans kill every worker that takes them, so that nobody says that they die; later they do not any more."""
    sends = visits(random, size, late=0.0, missing=0.0)
    until = random.uniform(3600, 7200)
    curses = tuple(
        Curse(f'"{random.choice(("", "/acme/"))}tic-{number}"', "kill before", until, ("dynamodb",), "PutItem")
        for number in range(2)
    )
    return _scenario(sends, Plan(curses=curses), (until + 60, lambda world: person.redrive(world)))


def storm(random: Random, size: int) -> Scenario:
    """Everything at once, a little of each."""
    rates = {"throttle": 0.02, "5xx": 0.02, "hang": 0.01, "lost, closed": 0.02, "lost, hanging": 0.01, "partial": 0.05}
    rates |= {"kill before": 0.02, "kill after": 0.02}
    opens = random.uniform(100, 2000)
    again = (opens + 60, lambda world: person.redrive(world))
    return _scenario(
        visits(random, size),
        Plan(rates=rates, kills=6, duplicates=0.2, skew=5),
        (SOON / 2, _close),
        (opens, _open),
        again,
    )


def chain(random: Random, size: int) -> Scenario:
    """A third step that nothing undoes is asked for when the others are done, about when the deadline comes."""
    faults = Plan(duplicates=0.2, slow={"-journeys": 4.0}, rates={"5xx": 0.03})
    return replace(_scenario(_about_the_deadline(random, size), faults), topology=CHAINED)


def chain_kills(random: Random, size: int) -> Scenario:
    """The same, while workers die and the garage is closed for a while."""
    opens = random.uniform(60, 400)
    faults = Plan(rates={"kill before": 0.05, "kill after": 0.05}, kills=10, duplicates=0.1)
    again = (opens + 60, lambda world: person.redrive(world))
    return replace(
        _scenario(visits(random, size, late=0.3), faults, (SOON / 2, _close), (opens, _open), again), topology=CHAINED
    )


ALL: dict[str, Callable[[Random, int], Scenario]] = {
    "workflow": calm,
    "workflow kills": kills,
    "workflow untold": untold,
    "workflow at once": at_once,
    "workflow late": late,
    "workflow lost answers": lost,
    "workflow throttle": throttle,
    "workflow outage": outage,
    "workflow dies": dies,
    "workflow deadly": deadly,
    "workflow storm": storm,
    "workflow chain": chain,
    "workflow chain kills": chain_kills,
}
PROMISES = ("unexplained", "doubled", "renamed", "untold", "stuck", "bulky", "unreadable", "half")
"""What is zero in each of them."""
