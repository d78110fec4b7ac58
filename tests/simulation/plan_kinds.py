"""Kinds of scenario about what is to happen later: plans, cancellations, the last of a window, delayed requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from stacks.entry import Limit
from tests.sample.delayed import DELAYED
from tests.simulation.faults import MODES, Outage, Plan
from tests.simulation.sample import changed_consumer
from tests.simulation.scenario import DAY, Scenario
from tests.simulation.traffic import Send, delayed, planned

HOUR = 3600.0
CALM = 5.0
"""Seconds within which an ask holds where nothing fails."""
SHAKEN = 2 * HOUR
"""The same where workers die and calls fail: a message may wait for its visibility timeout at each of its hops."""
ODD = ("é ✓", "<aws.scheduler.execution-id>", 'a "quote" \\ and a tab\t', "two\nlines", "{} []", "\u2028 %s")
"""Words that must arrive as they were sent."""
SOON, LATER = (0, 5, 30, 59, 60, 61, 90, 119, 600, 899, 900, 901, 1000), (4 * HOUR, 12 * HOUR, 40 * HOUR)
TWICE = Plan(duplicates=0.1, twice=0.3, tardy=240)
KILLS = Plan(rates={"kill before": 0.05, "kill after": 0.05}, kills=4, twice=0.2)
BROKEN = Plan(rates={"throttle": 0.05, "5xx": 0.05, "refused": 0.02, "partial": 0.1}, duplicates=0.05)
UNHEARD = Plan(rates={"lost, closed": 0.06, "lost, hanging": 0.03, "late": 0.04}, only=("scheduler", "dynamodb", "sqs"))
STORM = Plan(
    rates={"throttle": 0.02, "5xx": 0.02, "hang": 0.01, "lost, closed": 0.02, "lost, hanging": 0.01, "partial": 0.05}
    | {"kill before": 0.01, "kill after": 0.01},
    kills=3,
    duplicates=0.1,
    twice=0.3,
    tardy=240,
    skew=5,
)
Make = Callable[[Random, int], Scenario]


def once(plan: Plan, settle: float) -> Make:
    """Reminders under keys of their own, some asked for again and again, and requests that wait as they are."""

    def make(random: Random, size: int) -> Scenario:
        sends: list[Send] = []
        for number in range(size):
            at, ticket, tenant = random.uniform(0, 60), f"tic-{number}", random.choice((None, "red", "blue"))
            note = f"{number} {random.choice(ODD)}"
            after = int(random.choice((*SOON, *LATER)))
            if number % 4 == 1:  # the repeat comes when it has run
                ask = planned(at, ticket, note, random.choice((0, 5)))
                sends += [ask, replace(ask, at=at + 30)]
                continue
            if number % 3 == 0:
                sends += _repeated(random, delayed(at, ticket, note, max(after, 1), f"key-{number}"))
                continue
            sends += _repeated(random, planned(at, ticket, note, after, **_of(tenant)))
            if after in LATER:  # another ask of a key that waits already
                again = planned(at + settle + 60, ticket, f"again {note}", after, **_of(tenant))
                sends += _repeated(random, again)
        return _scenario(sends, plan, settle)

    return make


def taken_back(plan: Plan, settle: float) -> Make:
    """Reminders that are cancelled, in time, while they run or too late, and then planned anew or not."""

    def make(random: Random, size: int) -> Scenario:
        sends: list[Send] = []
        for number in range(size):
            at, ticket = random.uniform(0, 60), f"tic-{number}"
            after = int(random.choice((*SOON[2:], *LATER)))
            when = at + random.choice((after / 2, after - 1, after, after + 30, after + 59, after + 300)) + 1
            sends += _repeated(random, planned(at, ticket, f"{number} first", after))
            sends += _repeated(random, planned(when, ticket, cancel=True))
            if random.random() < 0.5:
                sends.append(planned(when + settle + 1, ticket, f"{number} anew", after))
        for number in range(size // 4):
            key = f"key-{number}"
            sends.append(delayed(random.uniform(0, 60), f"tic-r-{number}", f"r {number}", int(5 * HOUR), key))
            sends.append(planned(random.uniform(1, 3) * HOUR, key, cancel=True))
        return _scenario(sends, plan, settle)

    return make


def last_of_a_window(plan: Plan, settle: float) -> Make:
    """Bursts of asks of one key, of which each takes the place of the one before; some end with a cancellation."""

    def make(random: Random, size: int) -> Scenario:
        sends: list[Send] = []
        for number in range(max(1, size // 5)):
            ticket, at = f"tic-{number}", random.uniform(0, 60)
            window = random.choice((5, 30, 59, 90, 600, 4000, 6 * HOUR))
            for place in range(5):
                sends.append(planned(at, ticket, f"{number} place {place}", window, replace=True))
                at += random.uniform(0.05, min(window, 600))
            if random.random() < 0.3:
                sends.append(planned(at, ticket, cancel=True))
        return _scenario(sends, plan, settle)

    return make


def away(*services: str) -> Make:
    """What is planned, cancelled and due meets an outage."""

    def make(random: Random, size: int) -> Scenario:
        lasts, start = random.choice((45, 300, HOUR, 9 * HOUR)), random.uniform(0, 3000)
        outages = tuple(Outage(service, start, lasts, random.choice(MODES)) for service in services)
        settle = lasts + SHAKEN
        sends = [*once(TWICE, settle)(random, size // 2).sends]
        for number in range(size // 2):
            ticket = f"back-{number}"
            sends.append(planned(random.uniform(0, 60), ticket, f"back {number}", int(20 * HOUR)))
            sends.append(planned(random.uniform(100, 5000), ticket, cancel=True))
        return _scenario(sends, replace(TWICE, outages=outages), settle)

    return make


def limited(random: Random, size: int) -> Scenario:
    """All that is planned comes in the same minute and waits for a limit, while some of it is cancelled."""
    topology = changed_consumer("remind_ticket", DELAYED, limits=(Limit("mail", rate=0.2, burst=1),))
    sends: list[Send] = []
    for number in range(size):
        ticket = f"tic-{number}"
        sends.append(planned(random.uniform(0, 50), ticket, f"{number}", 1000))
        if number % 4 == 0:
            sends.append(planned(1000 + random.uniform(0, 200), ticket, cancel=True))
    # A fifth a second: the last of them waits for so long.
    return replace(_scenario(sends, replace(KILLS, kills=2), 1200 + 10.0 * size), topology=topology)


def _of(tenant: str | None) -> dict[str, str]:
    return {"tenant": tenant} if tenant else {}


def _repeated(random: Random, send: Send) -> list[Send]:
    """The ask, now and then with repeats of it by callers who heard no answer."""
    times = random.choice((0, 0, 0, 1, 3))
    return [send, *(replace(send, at=send.at + random.uniform(0, 20)) for _ in range(times))]


def _scenario(sends: list[Send], plan: Plan, settle: float) -> Scenario:
    sends = sorted(sends, key=lambda send: send.at)
    until = sends[-1].at + max(LATER) + settle + DAY
    return Scenario(sends, plan, topology=DELAYED, until=until, settle=settle)


ALL: dict[str, Make] = {
    "planned": once(TWICE, CALM),
    "planned kills": once(KILLS, SHAKEN),
    "planned throttle": once(BROKEN, SHAKEN),
    "planned lost answers": once(UNHEARD, SHAKEN),
    "planned storm": once(STORM, SHAKEN),
    "planned limits": limited,
    "cancelled": taken_back(TWICE, CALM),
    "cancelled kills": taken_back(KILLS, SHAKEN),
    "cancelled storm": taken_back(STORM, SHAKEN),
    "debounced": last_of_a_window(TWICE, CALM),
    "debounced kills": last_of_a_window(KILLS, SHAKEN),
    "debounced storm": last_of_a_window(STORM, SHAKEN),
    "scheduler away": away("scheduler"),
    "plans away": away("dynamodb"),
    "plan queues away": away("sqs"),
    "planning away": away("scheduler", "dynamodb"),
}
