"""Kinds of scenario about limits: who waits costs nothing, and no fault lets more through than the limit says."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from stacks.entry import Limit
from tests.simulation.auditor import Most
from tests.simulation.faults import Curse, Outage, Plan
from tests.simulation.sample import changed_consumer
from tests.simulation.scenario import Scenario
from tests.simulation.traffic import Send, changed, opened

TENANTS = 3
CRM = Limit("crm", rate=1, burst=2, per="tenant")
IN_A_SECOND: Most = ("open_ticket", 3, 0.9)
"""What comes of one a second and a burst of two, with a tenth of a second for calls of unlike length."""
MINUTE = Limit("crm", rate=1 / 60, per="group")


def limited(random: Random, size: int) -> Scenario:
    """Busy tenants and a quiet one; queues repeat and reorder."""
    return _tickets(random, size, Plan(duplicates=0.1))


def limited_kills(random: Random, size: int) -> Scenario:
    """Workers die with slots, between a copy and its message's deletion too."""
    return _tickets(random, size, Plan(rates={"kill before": 0.04, "kill after": 0.04}, kills=3))


def limited_throttle(random: Random, size: int) -> Scenario:
    """The table of limits, and all others, are throttled or refuse calls now and then."""
    rates = {"throttle": 0.06, "5xx": 0.06, "partial": 0.2}
    return _tickets(random, size, Plan(rates=rates, only=("dynamodb", "sqs"), duplicates=0.05))


def limited_outage(random: Random, size: int) -> Scenario:
    """DynamoDB is away for minutes while messages have their slots: they do not come in all at once after it."""
    away = Outage("dynamodb", random.uniform(1, 5), random.uniform(60, 600), "throttle")
    return _tickets(random, size, Plan(outages=(away,)))


def limited_lost_answers(random: Random, size: int) -> Scenario:
    """Slots, places and copies are had, and their answers are lost."""
    rates = {"lost, closed": 0.06, "lost, hanging": 0.02}
    return _tickets(random, size, Plan(rates=rates, only=("dynamodb", "sqs")))


def limited_failures(random: Random, size: int) -> Scenario:
    """Effects fail for a minute, so that messages come again and wait again, each for its next attempt."""
    curse = Curse('-tickets"', "5xx", until=60)
    return _tickets(random, size, Plan(curses=(curse,)))


def one_at_once(random: Random, size: int) -> Scenario:
    """One message of a tenant at a time, each of a second, while workers die."""
    rates = {"kill before": 0.02, "kill after": 0.02}
    plan = Plan(slow={'-tickets"': 1.0}, rates=rates, kills=2, lag=(0.001, 0.01))
    return _tickets(random, size, plan, Limit("crm", at_once=1, per="tenant"), ("open_ticket", 1, 0.9))


def limited_groups(random: Random, size: int) -> Scenario:
    """A FIFO queue with a slot a minute for each group, while workers die."""
    plan = Plan(rates={"kill before": 0.03, "kill after": 0.03}, kills=3)
    return _changes(size, plan, MINUTE, ("change_ticket", 1, 25.0))


def limited_order(random: Random, size: int) -> Scenario:
    """A FIFO queue whose groups share one limit, while calls are throttled."""
    plan = Plan(rates={"throttle": 0.04, "5xx": 0.04})
    return _changes(size, plan, Limit("crm", rate=1), ("change_ticket", 2, 0.9))


def limited_heads(random: Random, size: int) -> Scenario:
    """Changes that are wrong, or fail for ever, at the heads of limited groups: they die, and nothing else does."""
    curses, poison, sends = [], {}, []
    for group in range(TENANTS):
        ticket = f"tic-{group}"
        key = f"wrong-{group}"
        fails = group % 2
        sends.append(changed(0.01 * group, ticket, 999, key, None if fails else '{"step": "none"}'))
        poison["change_ticket", f"{ticket}/{key}"] = "ValidationException" if fails else "Reject"
        curses += [Curse(f'"{ticket}/key/{key}"', "refusal")] if fails else []
        sends += [changed(0.2 + 0.1 * step, ticket, step) for step in range(1, size + 1)]
    topology = changed_consumer("change_ticket", limits=(Limit("crm", rate=0.5, per="group"),))
    plan = Plan(curses=tuple(curses))
    return Scenario(
        sorted(sends, key=lambda send: send.at),
        plan,
        poison=poison,
        topology=topology,
        most=("change_ticket", 1, 0.9),
    )


def limited_skew(random: Random, size: int) -> Scenario:
    """Workers on one bucket whose clocks differ by seconds."""
    return _tickets(random, size, Plan(duplicates=0.1, skew=2), most=("open_ticket", 12, 0.9))


def _tickets(random: Random, size: int, plan: Plan, limit: Limit = CRM, most: Most | None = IN_A_SECOND) -> Scenario:
    sends: list[Send] = []
    for number in range(2 * size):
        tenant = f"busy-{random.randrange(TENANTS)}" if number % 4 else "quiet"
        sends.append(opened(random.uniform(0, 5), f"tic-{number}", tenant=tenant))
    topology = changed_consumer("open_ticket", limits=(limit,))
    return Scenario(sorted(sends, key=lambda send: send.at), plan, topology=topology, most=most)


def _changes(size: int, plan: Plan, limit: Limit, most: Most) -> Scenario:
    sends = [changed(step * 0.2, f"tic-{group}", step) for group in range(TENANTS) for step in range(1, size + 1)]
    topology = changed_consumer("change_ticket", limits=(limit,))
    return Scenario(sorted(sends, key=lambda send: send.at), plan, topology=topology, most=most)


ALL: dict[str, Callable[[Random, int], Scenario]] = {
    "limited": limited,
    "limited kills": limited_kills,
    "limited throttle": limited_throttle,
    "limited outage": limited_outage,
    "limited lost answers": limited_lost_answers,
    "limited failures": limited_failures,
    "limited skew": limited_skew,
    "limited groups": limited_groups,
    "limited order": limited_order,
    "limited heads": limited_heads,
    "one at once": one_at_once,
}
