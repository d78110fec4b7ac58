"""Where exactly a pace lets pass, holds up, speeds up and slows down."""

from __future__ import annotations

import asyncio

import pytest

from ops.redrive.pace import Adaptive, Look, Pace
from ops.sqs.client import Sqs
from tests.aws.queues import FakeSqs


def now() -> float:
    return asyncio.get_running_loop().time()


def adaptive() -> Adaptive:
    return Adaptive(Sqs(FakeSqs()), "http://sqs/000000000000/dead")


@pytest.mark.parametrize(
    ("look", "rate"),
    [
        (Look(5, 2_000, growth=1_500, depth=1_500, in_flight=0), None),
        (Look(5, 2_000, growth=1_499, depth=1_499, in_flight=0), 200),
        (Look(5, 2_000, growth=1_500, depth=1_500, in_flight=1), 200),
        (Look(5, 2_500, growth=500, depth=500, in_flight=1), 750),
        (Look(5, 2_500, growth=500, depth=501, in_flight=1), 250),
        (Look(5, 2_500, growth=250, depth=2_000, in_flight=1), 250),
        (Look(5, 2_500, growth=249, depth=2_000, in_flight=1), 750),
        (Look(5, 2_500, growth=0, depth=0, in_flight=1, returned=250), 250),
        (Look(5, 2_500, growth=0, depth=0, in_flight=1, returned=249), 750),
        (Look(5, 0, growth=0, depth=0, in_flight=0, returned=5), 500),
        (Look(5, 0, growth=0, depth=0, in_flight=0, throttled=1), 250),
        (Look(5, 1, growth=None, depth=0, in_flight=0), 750),
        (Look(5, 1, growth=-5, depth=0, in_flight=0), 750),
        (Look(2, 20, growth=20, depth=501, in_flight=1), 5),
        (Look(2, 16, growth=20, depth=501, in_flight=1), 5),
    ],
)
def test_one_look_changes_the_rate_from_just_there_on(look: Look, rate: float | None) -> None:
    pace = adaptive()
    pace.judge(look)
    assert pace.rate == rate


def test_a_look_says_nothing_but_what_was_seen() -> None:
    assert Look(5, 1, 2, 3, 4) == Look(5, 1, 2, 3, 4, fresh=True, returned=0, throttled=0)


@pytest.mark.parametrize(
    ("before", "sent", "after"), [(None, 5_000, 3_750), (None, 100, 750), (30_000, 5_000, 45_000), (40_000, 1, 50_000)]
)
def test_who_keeps_up_gets_half_as_much_again_up_to_a_limit(before: float | None, sent: int, after: float) -> None:
    pace = adaptive()
    pace.rate = before
    pace.judge(Look(2, sent, growth=0, depth=0, in_flight=5))
    assert pace.rate == after


def test_after_a_throttle_there_is_always_a_limit() -> None:
    pace = adaptive()
    nobody_receives = Look(5, 2_500, growth=2_500, depth=2_500, in_flight=0)
    pace.judge(Look(5, 2_500, growth=0, depth=0, in_flight=5, throttled=1))
    for rate in (375, 562.5):
        pace.judge(nobody_receives)
        assert pace.rate == rate


async def test_the_first_hundred_go_at_once_and_then_five_hundred_a_second() -> None:
    pace, moments = adaptive(), []
    for _ in range(110):
        assert await pace.take(1)
        pace.went(1)
        moments.append(now())
    assert moments[:101] == [0.0] * 101
    assert moments[101:] == pytest.approx([number / 500 for number in range(1, 10)])


async def test_the_first_hundred_do_not_go_where_the_work_is_given_up() -> None:
    assert not await adaptive().take(1, lambda: True)


async def test_no_rate_is_no_limit() -> None:
    pace = Pace()
    for _ in range(1_000):
        assert await pace.take(10)
    assert (now(), await pace.take(1, lambda: True)) == (0.0, False)


async def test_a_pause_is_made_up_for_by_a_quarter_second_and_no_more() -> None:
    pace, moments = Pace(4), []
    await asyncio.sleep(10)
    for _ in range(4):
        assert await pace.take(1)
        pace.went(1)
        moments.append(now())
    assert moments == [10.0, 10.0, 10.25, 10.5]


async def test_while_more_than_a_seconds_worth_is_on_its_way_nothing_passes() -> None:
    pace = Pace(10)
    assert await pace.take(6)
    assert await pace.take(4)
    asyncio.get_running_loop().call_later(5, pace.went, 1)
    assert await pace.take(1)
    assert 5.6 <= now() <= 5.72
    pace = Pace(10)
    begun = now()
    assert await pace.take(50), "what is more than a second's worth by itself passes alone"
    assert now() == begun


@pytest.mark.parametrize("rate", [0.1, 10])
async def test_whoever_gives_up_does_not_wait_for_the_rest(rate: float) -> None:
    pace, over = Pace(rate), [False]
    await pace.take(9)
    asyncio.get_running_loop().call_later(0.3, over.append, True)
    assert not await pace.take(9, lambda: over[-1])
    assert 0.3 <= now() <= 0.8
    pace.went(9)
    assert pace._under_way == 0, "what did not pass is not on its way"
