"""How fast messages are redriven."""

from __future__ import annotations

import asyncio

import pytest

from ops.redrive.pace import SLOWEST, START, Adaptive, Pace
from ops.sqs.client import Sqs
from ops.sqs.fake import FakeSqs
from ops.sqs.message import Entry


async def test_a_rate_is_kept_over_many_workers() -> None:
    pace = Pace(100)

    async def worker() -> None:
        for _ in range(10):
            await pace.take(10)

    await asyncio.gather(*(worker() for _ in range(5)))
    assert 4.8 <= asyncio.get_running_loop().time() <= 5.0


def adaptive() -> Adaptive:
    return Adaptive(Sqs(FakeSqs()), "http://sqs/000000000000/dead")


def test_the_rate_grows_while_the_other_side_keeps_up() -> None:
    pace = adaptive()
    pace.judge(sent=2_500, growth=0, depth=0, returned=0)
    assert pace.rate == START * 1.5


def test_the_rate_is_halved_when_the_queue_grows() -> None:
    pace = adaptive()
    pace.judge(sent=2_500, growth=2_000, depth=2_000, returned=0)
    assert pace.rate == START / 2


def test_a_queue_that_holds_less_than_a_second_of_work_is_no_lag() -> None:
    pace = adaptive()
    pace.judge(sent=300, growth=300, depth=300, returned=0)
    assert pace.rate == START * 1.5


def test_the_rate_is_halved_when_the_dead_letter_queue_grows_again() -> None:
    pace = adaptive()
    pace.judge(sent=2_500, growth=0, depth=0, returned=300)
    assert pace.rate == START / 2


def test_the_rate_never_falls_to_nothing() -> None:
    pace = adaptive()
    for _ in range(50):
        pace.judge(sent=100, growth=1_000, depth=100_000, returned=100)
    assert pace.rate == SLOWEST


async def test_the_queues_are_looked_at_and_what_was_taken_out_is_expected_to_be_gone() -> None:
    sqs = FakeSqs()
    dead, source = sqs.create("dead"), sqs.create("source")
    for number in range(1_000):
        dead.put(Entry(str(number), "body"))
    pace = Adaptive(Sqs(sqs), dead.url, every=5)
    moved = 0

    async def look() -> None:
        pass

    watch = asyncio.create_task(pace.watch(lambda: moved, lambda: [source.url], look))
    await asyncio.sleep(1)
    for message in dead.take(10, 30) + dead.take(10, 30):
        dead.remove(message.receipt)
    moved = 20
    await asyncio.sleep(5)
    assert pace.rate == START * 1.5
    for number in range(600):
        source.put(Entry(str(number), "body"))
    moved = 30
    await asyncio.sleep(5)
    assert pace.rate == START * 0.75
    watch.cancel()


@pytest.mark.parametrize(("back", "noticed_at"), [(40, 60), (20, None)], ids=["most came back", "few came back"])
async def test_a_dead_letter_queue_that_fills_again_is_noticed_once_the_counts_can_be_trusted(
    back: int, noticed_at: float | None
) -> None:
    sqs = FakeSqs()
    dead = sqs.create("dead")
    for number in range(100):
        dead.put(Entry(str(number), "body"))
    noticed: list[float] = []
    now = asyncio.get_running_loop().time
    pace = Adaptive(Sqs(sqs), dead.url, every=5)

    async def look() -> None:
        noticed.append(now())

    watch = asyncio.create_task(pace.watch(lambda: 50, list, look))
    await asyncio.sleep(1)
    for message in [message for _ in range(5) for message in dead.take(10, 30)]:
        dead.remove(message.receipt)
    for number in range(back):
        dead.put(Entry(str(number), "body"))
    await asyncio.sleep(100)
    watch.cancel()
    assert bool(noticed) is (noticed_at is not None)
    assert noticed_at is None or noticed[0] >= noticed_at
