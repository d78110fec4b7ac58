"""Workers of whom one fails, lots of ten, and a clock that goes on while a machine sleeps."""

from __future__ import annotations

import asyncio
import time

import pytest
import uvloop

from ops.sqs import clock, loop
from ops.sqs.clock import Clock, since_boot
from ops.sqs.workers import all_done, tens


async def work(done: list[str], name: str, seconds: float, error: Exception | None = None) -> None:
    try:
        await asyncio.sleep(seconds)
        if error is not None:
            raise error
        done.append(name)
    except asyncio.CancelledError:
        done.append(f"{name} was cut off")
        raise


async def test_all_are_waited_for() -> None:
    done: list[str] = []
    await all_done([work(done, "slow", 5), work(done, "quick", 1)], lambda: done.append("failed"))
    assert done == ["quick", "slow"]


async def test_where_one_fails_the_others_finish_and_its_error_comes_out() -> None:
    done: list[str] = []
    with pytest.raises(ValueError, match="the first"):
        await all_done(
            [
                work(done, "later", 3, KeyError("the second")),
                work(done, "broken", 1, ValueError("the first")),
                work(done, "slow", 5),
                work(done, "quick", 0.5),
            ],
            lambda: done.append("failed"),
        )
    assert done == ["quick", "failed", "slow"]


async def test_whoever_is_cut_off_cuts_off_their_workers() -> None:
    done: list[str] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await all_done([work(done, "a", 5), work(done, "b", 0.5)], lambda: done.append("failed"))
    assert done == ["b", "a was cut off"]


async def test_a_worker_that_was_cancelled_is_no_success() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def at_once() -> None:
        raise ValueError("after it")

    with pytest.raises((asyncio.CancelledError, ValueError)):
        await all_done([at_once(), cancelled()], lambda: None)


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (20, [10, 10]), (25, [10, 10, 5])]
)
def test_lots_have_ten_and_the_last_has_the_rest(count: int, sizes: list[int]) -> None:
    lots = list(tens(range(count)))
    assert [len(lot) for lot in lots] == sizes
    assert [each for lot in lots for each in lot] == list(range(count))


async def test_a_clock_goes_as_far_as_the_loops_or_the_machines_and_never_back(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = [100.0]
    monkeypatch.setattr(clock, "since_boot", lambda: machine[0])
    found = Clock()
    assert found.now() == 0
    await asyncio.sleep(5)
    assert found.now() == 5
    machine[0] += 60  # asleep
    assert found.now() == 65
    machine[0] += 3
    await asyncio.sleep(2)
    assert found.now() == 68
    machine[0] -= 1_000
    assert found.now() == 68
    machine[0] += 1
    assert found.now() == 69


def test_the_machines_clock_is_the_one_that_also_counts_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    assert since_boot() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1)
    monkeypatch.setattr(clock, "_AWAKE_OR_NOT", None)
    assert since_boot() == pytest.approx(time.time(), abs=1)


def test_work_runs_to_its_end_on_the_quick_loop() -> None:
    async def kind() -> type[asyncio.AbstractEventLoop]:
        return type(asyncio.get_running_loop())

    assert loop.run(kind()) is uvloop.Loop
