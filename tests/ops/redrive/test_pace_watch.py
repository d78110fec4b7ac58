"""What an adaptive pace makes of SQS's counts from one look to the next."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from ops.redrive.pace import Adaptive, Look
from ops.sqs.client import Sqs
from ops.sqs.sweep import HIDDEN, WAITING

DEAD, WORK = "http://sqs/1/dead", "http://sqs/1/work"
Counts = dict[float, tuple[int, int] | None]
"""From which moment on a queue has how many, and how many in flight; None refuses to say."""


def now() -> float:
    return asyncio.get_running_loop().time()


class Counting:
    """An SQS that says nothing but counts, each from its moment on, and remembers when it was asked for which."""

    def __init__(self, dead: Counts, work: Counts) -> None:
        self._counts = {DEAD: dead, WORK: work}
        self.asked: list[tuple[float, str]] = []

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        assert action == "GetQueueAttributes"
        url = msgspec.json.decode(payload)["QueueUrl"]
        self.asked.append((now(), url))
        counts = [told for moment, told in sorted(self._counts[url].items()) if moment <= now()][-1]
        if counts is None:
            return 403, b'{"__type": "AccessDenied", "message": "not you"}'
        told = {WAITING: str(counts[0]), HIDDEN: str(counts[1])}
        return 200, msgspec.json.encode({"Attributes": told})


async def looks(
    dead: Counts,
    work: Counts,
    moved: dict[float, int],
    until: float,
    *,
    throttled: dict[float, int] | None = None,
    **more: float,
) -> tuple[list[Look], list[float]]:
    """What was judged until then, and when what waits was looked through."""
    client = Sqs(counting := Counting(dead, work))
    pace = Adaptive(client, DEAD, **more)
    judged: list[Look] = []
    looked: list[float] = []
    pace.judge = judged.append  # type: ignore[method-assign, assignment]

    async def look() -> None:
        looked.append(now())

    def sent() -> int:
        return [count for moment, count in sorted(moved.items()) if moment <= now()][-1]

    for moment, count in (throttled or {}).items():
        asyncio.get_running_loop().call_later(moment, setattr, client, "throttled", count)
    watch = asyncio.create_task(pace.watch(sent, lambda: [WORK] if sent() > 10 else [], look))
    await asyncio.sleep(until)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    assert counting.asked[0] == (0, DEAD)
    return judged, looked


SENT = {0: 0, 0.1: 10, 1.1: 30, 3.1: 70, 7.1: 150, 12.1: 250}


async def test_each_look_says_what_happened_since_the_one_before() -> None:
    dead: Counts = {0: (990, 10), 1: (965, 5), 3: (930, 5), 7: (860, 0)}
    work: Counts = {0: (20, 5), 3: (30, 5), 7: (25, 0)}
    judged, looked = await looks(dead, work, SENT, 8, throttled={2.0: 3, 5.0: 4})
    assert judged == [
        Look(0.25, 10, growth=None, depth=0, in_flight=0, fresh=False, returned=0, throttled=0),
        Look(1.0, 20, growth=None, depth=20, in_flight=5, fresh=False, returned=-10, throttled=0),
        Look(2.0, 40, growth=10, depth=30, in_flight=10, fresh=True, returned=5, throttled=3),
        Look(4.0, 80, growth=-5, depth=25, in_flight=5, fresh=True, returned=5, throttled=1),
    ]
    assert looked == []


async def test_a_look_that_is_refused_is_made_up_for_by_the_next() -> None:
    dead: Counts = {0: (1_000, 0), 3: None, 4: (940, 0), 7: (870, 0)}
    judged, _ = await looks(dead, {0: (20, 0)}, SENT, 8)
    assert [(each.seconds, each.sent, each.growth) for each in judged] == [
        (0.25, 10, None),
        (1.0, 20, None),
        (6.0, 120, 0),
    ]


async def test_what_the_dead_letter_queue_has_is_known_from_the_first_look_that_may_ask() -> None:
    judged, _ = await looks({0: None, 1: (970, 0), 3: (930, 0)}, {0: (20, 0)}, SENT, 4)
    assert [(each.seconds, each.sent, each.returned) for each in judged] == [(1.25, 30, 0), (2.0, 40, 0)]


@pytest.mark.parametrize(("more", "seconds"), [({}, [0.25, 1, 2, 4, 5, 5]), ({"every": 1.5}, [0.25, 1, 1.5, 1.5, 1.5])])
async def test_it_looks_every_five_seconds_after_the_first_looks_and_more_often_where_it_is_told_to(
    more: dict[str, Any], seconds: list[float]
) -> None:
    judged, _ = await looks({0: (9, 0)}, {0: (1, 0)}, {0: 0}, sum(seconds) + 0.1, **more)
    assert [each.seconds for each in judged] == pytest.approx(seconds)


@pytest.mark.parametrize(("left", "looked"), [(90, False), (91, True)])
@pytest.mark.parametrize(("sent", "enough"), [(20, True), (19, False)])
async def test_after_a_minute_it_looks_through_what_is_there_again_by_more_than_half(
    left: int, looked: bool, sent: int, enough: bool
) -> None:
    _, found = await looks({0: (100, 0), 1: (left, 0)}, {0: (1, 0)}, {0: 0, 0.1: sent}, 70)
    assert bool(found) is (enough and looked)
    assert not found or found[0] == pytest.approx(62.25)


async def test_counts_that_never_move_are_trusted_after_a_minute() -> None:
    judged, _ = await looks({0: (100, 0)}, {0: (1, 0)}, {0: 0, 0.1: 11, 30: 12}, 70)
    fresh: list[Any] = [each.fresh for each in judged]
    assert fresh == [False] * fresh.index(True) + [True] * (len(fresh) - fresh.index(True))
    assert sum(each.seconds for each in judged[: fresh.index(True) + 1]) == pytest.approx(62.25)
    assert {each.throttled for each in judged} == {0}
