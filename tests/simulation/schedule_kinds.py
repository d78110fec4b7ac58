"""Kinds of scenario about schedules: runs that queue, runs that skip and must not overlap, runs that are caught up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from stacks.entry import Schedule, Topology
from tests.sample.contracts import RateTickets
from tests.sample.scheduled import SCHEDULED
from tests.simulation import person
from tests.simulation.faults import MODES, Curse, Outage, Plan
from tests.simulation.scenario import DAY, Scenario

MINUTE, HOUR = 60.0, 3600.0
NAME = "rate_often"
TWICE = Plan(duplicates=0.1, twice=0.3, tardy=90)
KILLS = Plan(rates={"kill before": 0.06, "kill after": 0.06}, kills=4, twice=0.2)
STORM = Plan(
    rates={"throttle": 0.03, "5xx": 0.03, "hang": 0.01, "lost, closed": 0.03, "lost, hanging": 0.01}
    | {"kill before": 0.02, "kill after": 0.02},
    kills=4,
    duplicates=0.1,
    twice=0.3,
    tardy=90,
    skew=2,
)
Make = Callable[[Random, int], Scenario]


def queued(plan: Plan) -> Make:
    """Runs every few minutes, each of which has its effect once, however late the one before."""

    def make(random: Random, size: int) -> Scenario:
        return _scenario(random, size, plan)

    return make


def skipping(plan: Plan) -> Make:
    """Runs that skip, of which some take longer than the next one waits: their effect is refused for a while."""

    def make(random: Random, size: int) -> Scenario:
        curses = []
        for _ in range(max(1, size // 6)):
            start = random.uniform(0, size * MINUTE)
            kind, lasts = random.choice(("5xx", "refusal", "hang")), random.uniform(20, 400)
            curses.append(Curse('-ratings"', kind, start + lasts, ("dynamodb",), "", start))
        # A refusal that lasts is no fault of the table's: what meets it often enough may die.
        return _scenario(random, size, replace(plan, curses=tuple(curses)), overlap="skip")

    return make


def punctual(random: Random, size: int) -> Scenario:
    """Runs that skip, and never take long: each is done."""
    return _scenario(random, size, TWICE, overlap="skip")


def away(*services: str, overlap: str = "queue") -> Make:
    """The runs meet an outage."""

    def make(random: Random, size: int) -> Scenario:
        start, lasts = random.uniform(0, size * MINUTE), random.choice((45, 300, HOUR, 9 * HOUR))
        outages = tuple(Outage(service, start, lasts, random.choice(MODES)) for service in services)
        return _scenario(random, size, replace(TWICE, outages=outages), overlap=overlap)

    return make


def caught_up(random: Random, size: int) -> Scenario:
    """A person pauses the schedule and resumes it, sometimes twice: what it missed is done, all of it once."""
    paused = random.uniform(0, size * MINUTE / 2)
    resumed = paused + random.uniform(1, size / 2) * MINUTE
    deeds = [
        (paused, lambda world: person.pause(world, NAME)),
        (resumed, lambda world: person.resume(world, NAME)),
    ]
    if random.random() < 0.5:
        deeds.append((resumed + 20, lambda world: person.resume(world, NAME, since=paused)))
    return replace(_scenario(random, size, TWICE, catch_up=True), deeds=tuple(deeds))


def _scenario(random: Random, size: int, plan: Plan, *, overlap: str = "queue", catch_up: bool = False) -> Scenario:
    step = random.choice((1, 2, 5))
    topology = _every(f"cron(0/{step} * * * ? *)", overlap, catch_up=catch_up)
    stop = size * step * MINUTE
    return Scenario([], plan, topology=topology, stop=stop, until=stop + 2 * DAY)


def _every(expression: str, overlap: str, *, catch_up: bool) -> Topology:
    schedule = Schedule(
        name=NAME,
        queue="rate_tickets",
        sends=RateTickets(language="EN"),
        every=expression,
        overlap=overlap,  # type: ignore[arg-type]
        catch_up=catch_up,
    )
    integrations = tuple(replace(each, schedules=(schedule,)) for each in SCHEDULED.integrations)
    return replace(SCHEDULED, integrations=integrations)


ALL: dict[str, Make] = {
    "scheduled": queued(TWICE),
    "scheduled kills": queued(KILLS),
    "scheduled storm": queued(STORM),
    "schedules away": away("scheduler"),
    "runs away": away("dynamodb", "sqs"),
    "caught up": caught_up,
    "skipping calm": punctual,
}
SKIPPING: dict[str, Make] = {
    "skipping": skipping(TWICE),
    "skipping kills": skipping(KILLS),
    "skipping storm": skipping(STORM),
    "skipping away": away("dynamodb", overlap="skip"),
}
