"""The kinds of scenario, each with what it promises; `gaps` says what of that does not hold yet."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.simulation import (
    limit_kinds,
    order_kinds,
    outage_kinds,
    park_kinds,
    plan_kinds,
    schedule_kinds,
    workflow_kinds,
)
from tests.simulation.faults import Curse, Plan
from tests.simulation.person import rotate
from tests.simulation.requests import content_of
from tests.simulation.sample import changed_consumer
from tests.simulation.scenario import Scenario
from tests.simulation.traffic import Send, called, changed, opened, traffic

ALWAYS = (
    "unexplained",
    "lost",
    "doubled",
    "reordered",
    "renamed",
    "untold",
    "stuck",
    "shut",
    "bulky",
    "unreadable",
    "overruled",
    "early",
    "unwanted",
    "altered",
    "overlapped",
)
"""What is zero in every scenario."""
GOOD = (*ALWAYS, "died", "dead_though_done")
"""What is zero where every request can succeed before its receives run out."""
PUNCTUAL = (*GOOD, "late")

Make = Callable[[Random, int], Scenario]


@dataclass(frozen=True)
class Kind:
    """`make` draws a scenario of about so many messages; `promises` are the counts of the auditor that must be zero."""

    name: str
    make: Make
    promises: tuple[str, ...] = GOOD
    size: int = 20


def calm(random: Random, size: int) -> Scenario:
    """Nothing fails; queues repeat and reorder, callers repeat themselves."""
    return Scenario(traffic(random, size, 120), Plan(duplicates=0.15))


def skew(random: Random, size: int) -> Scenario:
    """Every worker's clock is wrong, by up to five minutes."""
    return Scenario(traffic(random, size, 120), Plan(duplicates=0.1, skew=300))


def throttle(random: Random, size: int) -> Scenario:
    """Calls are throttled, refused or answered by 5xx now and then."""
    rates = {"throttle": 0.04, "5xx": 0.04, "refused": 0.02}
    return Scenario(traffic(random, size, 120), Plan(rates=rates, duplicates=0.05))


def hang(random: Random, size: int) -> Scenario:
    """Calls hang until botocore's timeouts."""
    return Scenario(traffic(random, size, 300), Plan(rates={"hang": 0.03, "unreachable": 0.03}))


def lost_answer(random: Random, size: int) -> Scenario:
    """Calls do what they should, and their answer is lost."""
    rates = {"lost, closed": 0.06, "lost, hanging": 0.03}
    return Scenario(traffic(random, size, 300), Plan(rates=rates, only=("dynamodb", "events", "sqs", "secrets")))


def late_request(random: Random, size: int) -> Scenario:
    """Writes are given up by their callers, repeated, and done after all up to half a minute later."""
    rates = {"late": 0.1}
    return Scenario(traffic(random, size, 300), Plan(rates=rates, only=("UpdateItem", "PutItem"), duplicates=0.1))


def partial(random: Random, size: int) -> Scenario:
    """Calls of several entries do some of them only."""
    return Scenario(traffic(random, size, 60), Plan(rates={"partial": 0.3}, duplicates=0.05))


def kill(random: Random, size: int) -> Scenario:
    """Workers die before or after a call."""
    return Scenario(traffic(random, size, 120), Plan(rates={"kill before": 0.05, "kill after": 0.05}, kills=3))


def storm(random: Random, size: int) -> Scenario:
    """Everything at once, a little of each."""
    rates = {"throttle": 0.02, "5xx": 0.02, "hang": 0.01, "lost, closed": 0.02, "lost, hanging": 0.01, "partial": 0.05}
    rates |= {"kill before": 0.01, "kill after": 0.01}
    return Scenario(traffic(random, size, 300), Plan(rates=rates, kills=2, duplicates=0.1, skew=60))


def mail(random: Random, size: int) -> Scenario:
    """SES's answers are lost, and the records of what was mailed cannot be written now and then."""
    rates = {"lost, closed": 0.05, "lost, hanging": 0.05, "kill after": 0.02}
    sends = [opened(random.uniform(0, 60), f"tic-{number}") for number in range(size)]
    start = random.uniform(0, 40)
    curse = Curse('-once"', "throttle", start + 20, ("dynamodb",), "UpdateItem", start)
    return Scenario(sends, Plan(rates=rates, only=("mail",), kills=2, curses=(curse,)))


def cause(random: Random, size: int) -> Scenario:
    """Rejected messages meet a throttled table later."""
    sends, poison = [], {}
    for number in range(size):
        ticket = f"unknown-{number}"
        sends.append(opened(random.uniform(0, 60), ticket, agent="nobody"))
        poison["assign_ticket", ticket] = "Reject"
    # Only what was attempted before reads what became of it: each of them is rejected once, and then meets the table.
    return Scenario(sends, Plan(rates={"throttle": 0.95}, only=("GetItem",)), poison=poison)


def deadly(random: Random, size: int) -> Scenario:
    """Some messages kill every worker that takes them."""
    sends, poison, curses = traffic(random, size - 2, 60), {}, []
    for number in range(2):
        ticket = f"deadly-{number}"
        sends.append(opened(random.uniform(0, 60), ticket))
        poison["open_ticket", ticket] = "WorkerDied"
        curses.append(Curse(f'"ticket_id": {{"S": "{ticket}"', "kill before"))
    return Scenario(sends, Plan(curses=tuple(curses)), poison=poison)


def secrets(random: Random, size: int) -> Scenario:
    """A secret is rotated while webhooks arrive; some are forged."""
    at, poison = random.uniform(60, 120), {}
    sends = []
    for number in range(size):
        sent = random.uniform(0, 240)
        forged = random.random() < 0.1
        sends.append(called(sent, number, "forged" if forged else "whsec" if sent < at else "newer"))
        if forged:
            poison["receive_webhook", _webhook_subject(sends[-1])] = "Reject"
    return Scenario(
        sends, Plan(duplicates=0.1), poison=poison, deeds=((at, lambda world: rotate(world, "partner", "newer")),)
    )


def hot(random: Random, size: int) -> Scenario:
    """Two hundred tickets a second want hours of one agent."""
    sends = [opened(number / 200, f"tic-{number}", agent="ada") for number in range(size)]
    return Scenario(sends, concurrency=30, by=120)


def slow(random: Random, size: int) -> Scenario:
    """Every message takes five seconds, so that a batch does not fit into the function's time."""
    sends = [opened(random.uniform(0, 2), f"tic-{number}") for number in range(size)]
    topology = changed_consumer("open_ticket", timeout=15)
    return Scenario(sends, Plan(slow={'-tickets"': 4.8}), topology=topology, concurrency=2)


def large(random: Random, size: int) -> Scenario:
    """A batch of everything that waits, which takes several times the function's time."""
    sends = [opened(random.uniform(0, 1), f"tic-{number}") for number in range(size)]
    topology = changed_consumer("open_ticket", batch=1000, window=5)
    return Scenario(sends, Plan(lag=(0.15, 0.25), shuffled=False), topology=topology, concurrency=1)


def path(random: Random, size: int) -> Scenario:
    """The path names what no contract allows: what the edge accepts must have its effect, or be refused before it."""
    sends = traffic(random, size - 2, 60)
    return Scenario([*sends, changed(random.uniform(0, 60), "a!b", 1), changed(random.uniform(0, 60), "c$d", 1)])


def tenant(random: Random, size: int) -> Scenario:
    """Two tenants whose names and keys look alike when they are written side by side."""
    sends = []
    for number in range(size // 2):
        at = random.uniform(0, 60)
        sends.append(opened(at, f"tic-{number}-1", tenant="a/b", idempotency_key=f"c{number}"))
        sends.append(opened(at + 1, f"tic-{number}-2", tenant="a", idempotency_key=f"b/c{number}"))
    return Scenario(sends)


def odd_words(random: Random, size: int) -> Scenario:
    """Webhooks of several lines, and requests whose field names are far too long, while everything is logged."""
    lines = [called(number, number, body=json.dumps({"number": number}, indent=1)) for number in range(size // 2)]
    long = [
        changed(number, f"tic-{number}", 1, body=json.dumps({"x" * 50_000: 1, "step": number}))
        for number in range(size // 2)
    ]
    poison = {("change_ticket", f"{send.group}/{send.deduplication}"): "Reject" for send in long}
    return Scenario([*lines, *long], poison=poison, log_level="DEBUG")


def many_changes(random: Random, size: int) -> Scenario:
    """One ticket is changed again and again."""
    return Scenario([changed(step * 0.2, "tic-1", step) for step in range(1, size + 1)])


def _webhook_subject(send: Send) -> str:
    return content_of(send.queue, send.body, send.attributes, None)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("calm", calm),
        Kind("skew", skew),
        Kind("throttle", throttle),
        Kind("hang", hang),
        Kind("lost answer", lost_answer),
        Kind("late request", late_request),
        Kind("partial", partial),
        Kind("kill", kill),
        Kind("storm", storm),
        Kind("mail", mail),
        Kind("cause", cause),
        Kind("deadly", deadly),
        Kind("secrets", secrets),
        Kind("hot", hot, PUNCTUAL, size=200),
        Kind("slow", slow, (*GOOD, "unattempted"), size=40),
        Kind("large", large, (*GOOD, "unattempted"), size=500),
        Kind("path", path),
        Kind("tenant", tenant),
        Kind("odd words", odd_words, size=10),
        Kind("many changes", many_changes, size=200),
        *(Kind(name, make, (*GOOD, "late", "timed_out")) for name, make in outage_kinds.ALL.items()),
        *(Kind(name, make, (*GOOD, "unattempted")) for name, make in order_kinds.ALL.items()),
        *(Kind(name, make, (*ALWAYS, "still_dead")) for name, make in order_kinds.REDRIVEN.items()),
        *(Kind(name, make, (*ALWAYS, "still_dead")) for name, make in park_kinds.ALL.items()),
        *(Kind(name, make, (*GOOD, "crowded", "timed_out")) for name, make in limit_kinds.ALL.items()),
        *(Kind(name, make, (*GOOD, "late", "timed_out"), size=12) for name, make in plan_kinds.ALL.items()),
        *(Kind(name, make, (*GOOD, "timed_out")) for name, make in schedule_kinds.ALL.items()),
        *(Kind(name, make, (*ALWAYS, "timed_out")) for name, make in schedule_kinds.SKIPPING.items()),
        *(Kind(name, make, workflow_kinds.PROMISES) for name, make in workflow_kinds.ALL.items()),
    )
}
"""Every kind by its name."""
