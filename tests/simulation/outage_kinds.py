"""Kinds of scenario in which a service is away for a while: how long, and how callers see it, is drawn."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.faults import MODES, Curse, Outage, Plan
from tests.simulation.scenario import DAY, Scenario
from tests.simulation.traffic import traffic

LONG = (25, 45, 300, 3600)
RECOVERY = 120
"""Seconds after its end within which everything has its effect."""

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
}
