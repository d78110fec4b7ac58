"""What memory is best for a consumer, by hand, and by trying every other."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.cost.memory import SIZES, SLACK, Memory, memory
from ops.cost.work import Assumptions, core
from stacks.entry import Consumer, Integration, Topology
from tests.ops.scale.places import small
from tests.sample.topology import SAMPLE


def of(name: str, assume: Assumptions, topology: Topology | None = None) -> Memory:
    (found,) = [each for each in memory(topology or small(), assume) if each.consumer == name]
    return found


def with_memory(name: str, size: int) -> Topology:
    (tickets,) = small().integrations

    def sized(consumer: Consumer) -> Consumer:
        return replace(consumer, memory=size) if consumer.function == name else consumer

    entry: Integration = replace(tickets, consumers=tuple(map(sized, tickets.consumers)))
    return Topology(integrations=(entry,), package="tests.sample")


def test_a_core_is_had_by_parts() -> None:
    assert core(256) == pytest.approx(0.1447, abs=0.0001)
    assert core(1769) == core(10_240) == 1


def test_what_waits_wants_little_memory_and_what_works_as_much_as_lets_it_wait() -> None:
    # Five mails wait 10 ms for their records, side by side, and 15 ms each for SES, and work 0.5 ms each.
    mail = of("mail_ticket", Assumptions())
    assert (mail.memory, mail.waits, mail.milliseconds) == pytest.approx((256, 85, 87.5))
    assert mail.cpu == pytest.approx(2.5 / core(256))
    assert (mail.best, mail.saves) == pytest.approx((128, 0.5))
    # So much work is done while they wait with 1769 * 95 / 180 = 934 MB.
    busy = of("mail_ticket", Assumptions(cpu=19))
    assert busy.best in (896, 960)
    assert busy.milliseconds == pytest.approx(95 / core(256))


def test_what_is_known_of_one_memory_says_nothing_of_another() -> None:
    assert of("mail_ticket", Assumptions(seconds={"mail_ticket": 3})) == of("mail_ticket", Assumptions())


@given(st.floats(min_value=0.1, max_value=50), st.floats(min_value=1, max_value=10))
def test_no_other_memory_is_cheaper_by_more_than_the_slack(cpu: float, fill: float) -> None:
    assume = Assumptions(cpu=cpu, fill=fill)
    best = of("open_ticket", assume)
    prices = {
        size: size * math.ceil(of("open_ticket", assume, with_memory("open_ticket", size)).milliseconds)
        for size in SIZES
    }
    assert prices[best.best] <= SLACK * min(prices.values())
    assert best.saves == pytest.approx(1 - prices[best.best] / prices[256])


def test_every_consumer_has_its_memory() -> None:
    assert [each.consumer for each in memory(SAMPLE, Assumptions())] == [each.function for each in SAMPLE.consumers]
