"""While a mover moves, an adaptive pace looks at the queues it sends to; any other pace looks at nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.redrive.alongside import watched
from ops.redrive.mover import Mover
from ops.redrive.pace import Adaptive, Pace
from ops.redrive.request import Request
from ops.redrive.run import _Move
from ops.sqs.client import Sqs
from ops.stage import Stage
from tests.aws.queues import FakeSqs


class Watching(Adaptive):
    """A pace that notes what it is to look at."""

    def __init__(self) -> None:
        super().__init__(Sqs(FakeSqs()), "http://sqs/1/dead")
        self.told: list[Any] = []

    async def watch(self, moved: Callable[[], int], destinations: Callable[[], Any], look: Any) -> None:
        self.told += [moved(), sorted(destinations()), look]
        try:
            await asyncio.sleep(100)
        finally:
            self.told.append("ended")


def mover() -> Any:
    urls = {"http://sqs/1/a", "http://sqs/1/b", "arn:aws:lambda:eu-west-1:1:function:f"}
    return SimpleNamespace(tally=SimpleNamespace(moved=7), urls=urls, look_back="looks back")


async def test_an_adaptive_pace_looks_at_queues_for_as_long_as_there_is_work() -> None:
    pace = Watching()
    async with watched(pace, cast(Mover, mover())):
        await asyncio.sleep(1)
        assert pace.told == [7, ["http://sqs/1/a", "http://sqs/1/b"], "looks back"]
    assert pace.told[-1] == "ended"


async def test_any_other_pace_looks_at_nothing() -> None:
    async with watched(Pace(5), cast(Mover, None)):
        pass
    assert asyncio.get_running_loop().time() == 0


@pytest.mark.parametrize(
    ("rate", "acts", "pace", "limit"),
    [
        ("auto", True, Adaptive, 500.0),
        ("auto", False, Pace, None),
        ("max", True, Pace, None),
        (7.5, True, Pace, 7.5),
        (7.5, False, Pace, 7.5),
    ],
)
async def test_the_pace_is_the_one_that_was_asked_for_and_a_dry_run_has_none_of_its_own(
    rate: Any, acts: bool, pace: type[Pace], limit: float | None, cloud: Stage
) -> None:
    move = object.__new__(_Move)
    move._request, move._journal = Request("q", rate=rate), cast(Any, object() if acts else None)
    move._dead = cast(Any, SimpleNamespace(url="http://sqs/1/dead"))
    found = move._pace(Sqs(FakeSqs()))
    assert (type(found), found.rate) == (pace, limit)
