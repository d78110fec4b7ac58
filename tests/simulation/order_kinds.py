"""Kinds of scenario about groups, dead letters and their redrive."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any, get_args, get_type_hints

from stacks.entry import Queue, Topology
from tests.sample.topology import SAMPLE
from tests.simulation.faults import Curse, Outage, Plan
from tests.simulation.person import employ, redrive
from tests.simulation.scenario import DAY, Scenario
from tests.simulation.traffic import Send, changed, opened, traffic

FOLLOWERS = 9


def heads(random: Random, size: int) -> Scenario:
    """A poison message at the head of each group, rejected or failing, with good ones behind it."""
    return _heads(random, size, 1, failing=random.random() < 0.5)


def many_heads(random: Random, size: int) -> Scenario:
    """Up to twenty poison messages one after the other, of one kind or mixed, then the good ones."""
    return _heads(random, size, random.randint(2, 20), failing=random.choice((True, False, None)))


def halted(random: Random, size: int) -> Scenario:
    """On a queue that halts, a head fails for two hours; nothing overtakes it, and nothing dies."""
    cured = 7200.0
    sends = [changed(step * 0.1, group, step) for group in ("tic-1", "tic-2") for step in range(1, size // 2 + 1)]
    curse = Curse('"tic-1/key/tic-1-2"', "5xx", until=cured)
    return Scenario(
        sorted(sends, key=lambda send: send.at), Plan(curses=(curse,)), topology=on_poison("halt"), until=2 * DAY
    )


def redriven(random: Random, size: int) -> Scenario:
    """A table refuses what it should take, as after a wrong deployment; what died is redriven, in part and twice."""
    start, lasts = random.uniform(5, 30), random.choice((60, 600))
    tables = random.sample(("tickets", "changes", "agents", "closings"), 2)
    curses = tuple(Curse(f'-{table}"', "refusal", start + lasts, ("dynamodb",), "", start) for table in tables)
    native = random.random() < 0.5
    deeds = (
        (DAY, lambda world: redrive(world, interrupted=not native, native=native, share=0.7)),
        (DAY + 3600, redrive),
        (DAY + 7200, redrive),
    )
    return Scenario(traffic(random, size, 60), Plan(curses=curses, duplicates=0.05), deeds=deeds)


def cured(random: Random, size: int) -> Scenario:
    """Tickets want an agent that nobody knows; a person adds it and redrives."""
    sends = traffic(random, size // 2, 60)
    sends += [opened(random.uniform(0, 60), f"early-{number}", agent="eve") for number in range(size // 2)]
    deeds = ((DAY, lambda world: employ(world, "eve", 1000)), (DAY + 1, redrive))
    poison = {("assign_ticket", f"early-{number}"): "Reject" for number in range(size // 2)}
    return Scenario(sends, Plan(duplicates=0.1), deeds=deeds, poison=poison)


def undelivered(random: Random, size: int) -> Scenario:
    """For a while no rule may send to a queue; a person redrives what EventBridge put aside."""
    start, word = random.uniform(0, 30), random.choice(("assign_ticket", "mail_ticket", "close_ticket"))
    return Scenario(
        traffic(random, size, 60),
        Plan(duplicates=0.1),
        deeds=((DAY, redrive), (DAY + 3600, redrive)),
        blocked=lambda queue, now: queue == word and start <= now < start + 20,
    )


def parked(random: Random, size: int) -> Scenario:
    """Heads die in an outage of their table while their group goes on; then a person redrives some, then all of them.

    New changes arrive meanwhile, and have to wait their turn.
    """
    start, lasts = random.uniform(2, 20), random.uniform(60, 120)
    native, share = random.random() < 0.5, random.random()
    sends = []
    for number in range(max(1, size // 5)):
        ticket = f"tic-{number}"
        at = random.uniform(0, 30)
        for step in range(1, 6):
            sends.append(changed(at, ticket, step))
            at += random.uniform(5, 60)
        sends.append(changed(DAY + random.uniform(-60, 60), ticket, 6))
    outage = Outage("dynamodb", start, lasts, random.choice(("throttle", "5xx")))
    return Scenario(
        sorted(sends, key=lambda send: send.at),
        Plan(outages=(outage,)),
        deeds=(
            (DAY, lambda world: redrive(world, native=native, share=share)),
            (DAY + 3600, redrive),
            (DAY + 7200, redrive),
        ),
        topology=on_poison("park"),
        parked=True,
    )


def on_poison(word: str) -> Topology:
    """The sample with that rule on its FIFO queue; unchanged while no queue knows the rule."""
    if word not in get_args(get_type_hints(Queue)["on_poison"]):
        return SAMPLE
    # What halts never dies of its receives: the topology wants all that SQS knows.
    chosen: dict[str, Any] = {"on_poison": word} | ({"receives": 1000} if word == "halt" else {})
    integrations = tuple(
        replace(each, queues=tuple(replace(queue, **chosen) if queue.fifo else queue for queue in each.queues))
        for each in SAMPLE.integrations
    )
    return replace(SAMPLE, integrations=integrations)


def _heads(random: Random, size: int, count: int, *, failing: bool | None) -> Scenario:
    sends: list[Send] = []
    poison: dict[tuple[str, str], str] = {}
    curses: list[Curse] = []
    fails, cause = random.choice((("refusal", "ValidationException"), ("5xx", "InternalServerError")))
    for number in range(max(1, size // (count + FOLLOWERS))):
        ticket, at = f"tic-{number}", random.uniform(0, 30)
        for head in range(count):
            key = f"head-{number}-{head}"
            fails_late = random.random() < 0.5 if failing is None else failing
            sends.append(changed(at, ticket, 999, key, None if fails_late else '{"step": "none"}'))
            poison["change_ticket", f"{ticket}/{key}"] = cause if fails_late else "Reject"
            curses += [Curse(f'"{ticket}/key/{key}"', fails)] if fails_late else []
        sends += [changed(at, ticket, step) for step in range(1, FOLLOWERS + 1)]
    return Scenario(sorted(sends, key=lambda send: send.at), Plan(curses=tuple(curses)), poison=poison)


ALL = {"heads": heads, "many heads": many_heads, "halted": halted}
REDRIVEN = {"redriven": redriven, "cured": cured, "undelivered": undelivered, "parked": parked}
