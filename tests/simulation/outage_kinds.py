"""Kinds of scenario in which a service is away for a while: how long, and how callers see it, is drawn."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation import person
from tests.simulation.faults import MODES, Curse, Outage, Plan
from tests.simulation.scenario import DAY, Scenario
from tests.simulation.traffic import traffic

LONG = (25, 45, 300, 3600)
RECOVERY = 120
"""Seconds after its end within which everything has its effect."""

LAST_WAIT = 3600
"""Seconds that a message waits before its last receive where nobody paused its consumer in time."""
HIDDEN = 400
"""The same where SQS or Lambda was away: what was in flight comes back when its visibility timeout is over."""


def away(
    *services: str, seconds: tuple[float, ...] = LONG, recovery: float = RECOVERY
) -> Callable[[Random, int], Scenario]:
    """Outages of the services, all at once."""

    def make(random: Random, size: int) -> Scenario:
        lasts, start = random.choice(seconds), random.uniform(0, 15)
        outages = tuple(Outage(service, start, lasts, random.choice(MODES)) for service in services)
        sends = traffic(random, size, 60)
        end = max(start + lasts, sends[-1].at)
        return Scenario(sends, Plan(outages=outages), until=end + DAY, by=end + recovery)

    return make


def jammed(random: Random, size: int) -> Scenario:
    """DynamoDB and SQS hang for the functions, and an alarm inside a call leaves a lock of its connection closed."""
    curse = Curse("", "hang", until=210, services=("dynamodb", "sqs"), start=10)
    return Scenario(traffic(random, size, 60), Plan(curses=(curse,), jams=0.2), until=DAY, by=210 + HIDDEN)


def person_disabled(random: Random, size: int) -> Scenario:
    """A person disables a consumer, and DynamoDB goes away and comes back: it stays disabled until the person says so.

    Its messages wait, and none of them dies.
    """
    word = random.choice(("open_ticket", "change_ticket", "mail_ticket"))
    start, lasts, enabled = random.uniform(5, 40), random.choice((300, 3600)), 2 * 3600
    outage = Outage("dynamodb", start, lasts, random.choice(MODES))
    deeds = (
        # Before it is away, while its first messages meet that, or when it is paused already.
        (random.uniform(0, start + 160), lambda world: person.switch(world, word, on=False)),
        (enabled, lambda world: person.switch(world, word, on=True)),
    )
    return Scenario(
        traffic(random, size, 120), Plan(outages=(outage,)), deeds=deeds, until=enabled + DAY, by=enabled + RECOVERY
    )


def probe_dies(random: Random, size: int) -> Scenario:
    """The workers that pause consumers die while they ask and switch; each comes back by its visibility timeout."""
    start, lasts, kills = random.uniform(0, 15), random.choice((300, 900)), 6
    plan = Plan(
        rates={"kill before": 0.15, "kill after": 0.15},
        only=("lambda",),
        kills=kills,
        outages=(Outage(random.choice(("dynamodb", "events")), start, lasts, random.choice(MODES)),),
    )
    end = start + lasts
    return Scenario(traffic(random, size, 60), plan, until=end + DAY, by=end + RECOVERY + LAST_WAIT)


ALL = {
    "blink": away("dynamodb", "events", "mail", "secrets", "sqs", seconds=(0.3, 0.6), recovery=HIDDEN),
    "lambda away": away("lambda", seconds=(30, 300), recovery=HIDDEN),
    "queues away": away("sqs", seconds=(30, 300), recovery=HIDDEN),
    "tables away": away("dynamodb"),
    "bus away": away("events"),
    "mail away": away("mail"),
    "secrets away": away("secrets"),
    "all away": away("dynamodb", "events", "mail", "secrets"),
    "jammed": jammed,
    "person disabled": person_disabled,
    "probe dies": probe_dies,
}
