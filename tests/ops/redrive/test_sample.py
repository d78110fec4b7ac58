"""A look at a few messages of a queue: no more than are asked for or are fit to be held, and nobody misses them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from ops.queue import Queue
from ops.redrive import sample
from ops.sqs.client import Sqs
from ops.sqs.message import MOST_BYTES, Entry
from ops.stage import Stage
from tests.aws.queues import FakeQueue, FakeSqs

ANY = cast(Stage, None)


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    sqs = FakeSqs()

    @asynccontextmanager
    async def connected(*_: Any) -> AsyncIterator[Sqs]:
        yield Sqs(sqs)

    monkeypatch.setattr(sample, "connected", connected)
    return sqs.create("dead")


def received(dead: FakeQueue, most: int) -> list[str]:
    queue = Queue("dead", "dead", "dead", dead.url)
    return [message.body for message in sample.receive(ANY, queue, most, workers=1)]


def test_all_of_a_few_are_seen_and_can_be_received_at_once(dead: FakeQueue) -> None:
    for number in range(25):
        dead.put(Entry(str(number), str(number)))
    assert sorted(received(dead, 100), key=int) == [str(number) for number in range(25)]
    assert sorted(received(dead, 100), key=int) == [str(number) for number in range(25)]


def test_no_more_are_received_than_are_asked_for_but_for_what_came_with_the_last(dead: FakeQueue) -> None:
    for number in range(60):
        dead.put(Entry(str(number), "x"))
    assert 30 <= len(received(dead, 30)) <= 40


def test_no_more_bytes_are_held_than_sixteen_megabytes_and_one_receive(dead: FakeQueue) -> None:
    for number in range(40):
        dead.put(Entry(str(number), "x" * MOST_BYTES))
    assert len(received(dead, 1_000)) == 20
