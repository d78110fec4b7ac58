"""A busy day: two thousand messages of twenty tenants, two a second each, and one tenant who asks for little."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from statistics import quantiles

import pytest

from stacks.entry import Limit
from tests.simulation.evidence import Evidence
from tests.simulation.faults import Plan
from tests.simulation.runs import sandboxes
from tests.simulation.sample import changed_consumer
from tests.simulation.scenario import Scenario
from tests.simulation.traffic import Send, changed, opened

pytestmark = pytest.mark.long

TENANTS, QUIET = 20, 40
RATE, BURST = 2, 3
WORKERS = 40
"""What Lambda has after a moment: it begins with five and adds up to 300 a minute.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""


def _quiet() -> list[Send]:
    return [opened(1 + 1.3 * number, f"quiet-{number}", tenant="quiet") for number in range(QUIET)]


def _run(sends: list[Send]) -> tuple[Evidence, dict[str, int]]:
    topology = changed_consumer("open_ticket", limits=(Limit("crm", rate=RATE, burst=BURST, per="tenant"),))
    scenario = Scenario(
        sorted(sends, key=lambda send: send.at), Plan(duplicates=0.02), topology=topology, concurrency=WORKERS
    )
    evidence = scenario.run("a busy day", sandboxes())
    return evidence, scenario.judged(evidence).counts()


def _effects(evidence: Evidence) -> dict[str, dict[str, float]]:
    """When each ticket was opened, by tenant."""
    times: dict[str, dict[str, float]] = defaultdict(dict)
    for write in evidence.history:
        if write.table.endswith("-tickets"):
            _, tenant, ticket = write.key.split("/")
            times[tenant].setdefault(ticket, write.at)
    return times


def _told(evidence: Evidence) -> list[float]:
    """Seconds from each quiet request to its event."""
    sent = {f"quiet-{number}": 1 + 1.3 * number for number in range(QUIET)}
    first: dict[str, float] = {}
    for told in evidence.told:
        ticket = str(told.detail["data"].get("ticket_id"))
        if told.type == "TicketOpened" and ticket in sent:
            first.setdefault(ticket, told.at)
    return [at - sent[ticket] for ticket, at in first.items()]


@pytest.mark.parametrize("each", [20, pytest.param(100, marks=pytest.mark.proof)])
def test_messages_of_twenty_keys_hold_two_a_second_each_and_the_quiet_one_hardly_notices(each: int) -> None:
    random = Random(16)
    busy = [
        opened(random.uniform(0, 5), f"tic-{tenant}-{number}", tenant=f"t{tenant}")
        for tenant in range(TENANTS)
        for number in range(each)
    ]
    alone, _ = _run(_quiet())
    evidence, counts = _run([*busy, *_quiet()])
    effects = _effects(evidence)
    assert sum(map(len, effects.values())) == TENANTS * each + QUIET
    assert all(not counts[name] for name in ("lost", "doubled", "died", "untold", "stuck", "renamed", "timed_out"))
    for tenant, times in effects.items():
        at = sorted(times.values())
        most = max(sum(1 for other in at if begin <= other < begin + 1) for begin in at)
        assert most <= RATE + BURST, f"{most} of {tenant} in a second"
    p95, by_itself = (quantiles(_told(each), n=20)[-1] for each in (evidence, alone))
    print(f"quiet p95: {by_itself:.3f} s alone, {p95:.3f} s among the busy")
    writes = sum(write.table.endswith("-limits") for write in evidence.history)
    print(f"writes of limits: {writes} for {TENANTS * each + QUIET} messages")
    last = max(max(times.values()) for times in effects.values())
    print(f"the last effect at {last:.1f} s")
    assert p95 <= 2 * by_itself, f"{p95:.3f} s, and {by_itself:.3f} s alone"
    assert writes <= 1.2 * (TENANTS * each + QUIET), "one write a message, but for those that come too late"


def test_a_limited_fifo_queue_keeps_its_order_and_its_pace() -> None:
    sends = [changed(step * 0.05, f"tic-{group}", step) for group in range(10) for step in range(1, 21)]
    topology = changed_consumer("change_ticket", limits=(Limit("crm", rate=1, per="group"),))
    scenario = Scenario(
        sorted(sends, key=lambda send: send.at), Plan(), topology=topology, most=("change_ticket", 2, 0.9)
    )
    counts = scenario.judged(scenario.run("in order", sandboxes())).counts()
    assert counts["effects"] == counts["accepted"] >= 200
    assert all(not counts[name] for name in ("lost", "doubled", "died", "reordered", "crowded", "stuck"))
