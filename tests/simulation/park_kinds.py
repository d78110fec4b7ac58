"""Kinds of scenario about queues that park: heads that die, and people who handle them and what follows them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.faults import Curse, Outage, Plan
from tests.simulation.order_kinds import on_poison
from tests.simulation.person import drop, fix, redrive
from tests.simulation.scenario import DAY, Deed, Scenario
from tests.simulation.traffic import Send, changed

STEPS = 6
HOUR = 3600.0
WRONG = '{"step": "none"}'
Deeds = list[tuple[float, Deed]]


def parked_heads(random: Random, size: int) -> Scenario:
    """Changes fail for a day while their groups go on; then a person redrives some, then all of them."""
    return _scenario(random, size, Plan(curses=_cursed(random, size)), [*_parts(random), *_whole(3)])


def parked_rejects(random: Random, size: int) -> Scenario:
    """Some changes are wrong for good; a person drops those, and redrives what waits behind them."""
    wrong = {(group, step): f"wrong-{group}-{step}" for group, step in _some(random, size)}
    sends = [changed(random.uniform(0, 60), group, 999, key, WRONG) for (group, _), key in wrong.items()]
    poison = {("change_ticket", f"{group}/{key}"): "Reject" for (group, _), key in wrong.items()}
    keys = set(wrong.values())
    deeds: Deeds = [(DAY, lambda world: drop(world, "change_ticket", keys)), *_parts(random), *_whole(4)]
    return _scenario(random, size, Plan(), deeds, more=sends, poison=poison)


def parked_fixed(random: Random, size: int) -> Scenario:
    """Some changes are wrong; a person redrives everything in vain, then edits them."""
    wrong = _some(random, size)
    deeds: Deeds = [
        (DAY, redrive),
        (DAY + HOUR, lambda world: fix(world, "change_ticket", WRONG, _body)),
        *((at + 2 * HOUR, deed) for at, deed in _whole(3)),
    ]
    return _scenario(random, size, Plan(), deeds, wrong=wrong)


def parked_late(random: Random, size: int) -> Scenario:
    """Changes fail, and go on arriving while they are redriven, in an order that is nobody's."""
    parts = _redrive(native=True, share=0.6, shuffled=random)
    deeds: Deeds = [(DAY + number * HOUR, parts) for number in range(4)]
    last = [(at + 5 * HOUR, deed) for at, deed in _whole(5)]
    plan = Plan(curses=_cursed(random, size))
    return _scenario(random, size, plan, [*deeds, *last], arriving=lambda: random.uniform(DAY - 5, DAY + 4 * HOUR))


def parked_kills(random: Random, size: int) -> Scenario:
    """Workers die while changes fail and while they are redriven."""
    plan = Plan(rates={"kill before": 0.03, "kill after": 0.03}, kills=8, curses=_cursed(random, size))
    return _scenario(random, size, plan, [*_parts(random), *_whole(4)])


def parked_storm(random: Random, size: int) -> Scenario:
    """Whatever may happen to a call happens, while changes fail and while they are redriven."""
    rates = {"throttle": 0.02, "5xx": 0.02, "hang": 0.01, "lost, closed": 0.02, "lost, hanging": 0.01, "partial": 0.05}
    rates |= {"kill before": 0.01, "kill after": 0.01}
    outage = Outage("dynamodb", DAY + random.uniform(0, 5), random.uniform(1, 60), "throttle")
    plan = Plan(rates=rates, kills=4, curses=_cursed(random, size), outages=(outage,), skew=30)
    return _scenario(random, size, plan, [*_parts(random), *_whole(6)])


def parked_late_writes(random: Random, size: int) -> Scenario:
    """Places are written late, after they were given up by whoever wrote them again."""
    plan = Plan(rates={"late": 0.1}, only=("UpdateItem",), curses=_cursed(random, size))
    return _scenario(random, size, plan, [*_parts(random), *_whole(6)])


def parked_deadly(random: Random, size: int) -> Scenario:
    """Some changes kill every worker that takes them, until the function is mended."""
    plan = Plan(curses=_cursed(random, size, "kill before"))
    return _scenario(random, size, plan, _whole(3))


def _groups(size: int) -> list[str]:
    return [f"tic-{number}" for number in range(max(1, size // STEPS))]


def _some(random: Random, size: int) -> list[tuple[str, int]]:
    """A change or two of most groups."""
    return [
        (group, step)
        for group in _groups(size)
        for step in sorted(random.sample(range(1, STEPS), random.randint(0, 2)))
    ]


def _cursed(random: Random, size: int, kind: str = "5xx") -> tuple[Curse, ...]:
    return tuple(Curse(f'"{group}/key/{group}-{step}"', kind, DAY - HOUR) for group, step in _some(random, size))


def _parts(random: Random) -> Deeds:
    """A part of what is dead, redriven by a person or by SQS, once or twice."""
    deeds: Deeds = []
    for number in range(random.randint(1, 2)):
        native, share = random.random() < 0.5, random.random()
        shuffled = random if random.random() < 0.5 else None
        deeds.append((DAY + 60 + 600 * number, _redrive(native=native, share=share, shuffled=shuffled)))
    return deeds


def _redrive(*, native: bool, share: float, shuffled: Random | None) -> Deed:
    return lambda world: redrive(world, native=native, share=share, shuffled=shuffled)


def _whole(times: int) -> Deeds:
    """Everything that is dead, redriven once an hour: what was out of turn comes back, and is in turn the next time."""
    return [(DAY + HOUR * (number + 1), redrive) for number in range(times)]


def _body(key: str) -> str:
    return changed(0, "", int(key.rpartition("-")[2])).body


def _scenario(
    random: Random,
    size: int,
    plan: Plan,
    deeds: Deeds,
    *,
    more: list[Send] | None = None,
    poison: dict[tuple[str, str], str] | None = None,
    wrong: list[tuple[str, int]] | None = None,
    arriving: Callable[[], float] | None = None,
) -> Scenario:
    sends = list(more or [])
    for group in _groups(size):
        times = sorted(random.uniform(0, 120) for _ in range(STEPS - 1))
        # One more while it is redriven.
        times.append(arriving() if arriving else DAY + random.uniform(50, 80))
        for step, at in enumerate(times, 1):
            sends.append(changed(at, group, step, body=WRONG if wrong and (group, step) in wrong else None))
    return Scenario(
        sorted(sends, key=lambda send: send.at),
        plan,
        deeds=tuple(deeds),
        poison=poison or {},
        topology=on_poison("park"),
        until=3 * DAY,
        parked=True,
    )


ALL = {
    "parked heads": parked_heads,
    "parked rejects": parked_rejects,
    "parked fixed": parked_fixed,
    "parked late": parked_late,
    "parked kills": parked_kills,
    "parked storm": parked_storm,
    "parked late writes": parked_late_writes,
    "parked deadly": parked_deadly,
}
