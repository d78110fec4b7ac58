"""Memory of a look through a whole queue: no body stays of what is not meant."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest

from ops.dead_letters.sample import Samples
from ops.dead_letters.selection import Selection
from ops.stage import Stage
from tests.aws.bare import FakeQueue
from tests.ops.cli.typed import queue
from tests.ops.endpoint import Endpoint

MESSAGES = 200
BODY = 16_000


def test_bodies_that_are_not_meant_are_not_kept(stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor until Python looks for garbage, which it does the less often the more is in memory."""
    samples, dead = Samples(), queue(aws, "open_ticket-dlq")
    for number in range(MESSAGES):
        aws.put(dead, f'{{"n": {number}, "note": "{"x" * BODY}"}}')
    samples.take(stage, "open_ticket", limit=10)  # clients are made once
    there: list[int] = []
    take = FakeQueue.take

    def traced(queue_: FakeQueue, *asked: Any) -> Any:
        there.append(tracemalloc.get_traced_memory()[0])
        return take(queue_, *asked)

    monkeypatch.setattr(FakeQueue, "take", traced)
    gc.disable()
    tracemalloc.start()
    try:
        sample = samples.take(stage, "open_ticket", selection=Selection(filter="body.n < `9`"), limit=500)
    finally:
        tracemalloc.stop()
        gc.enable()
    assert (len(sample.seen), sample.looked) == (9, MESSAGES)
    assert len(there) > MESSAGES / 10
    assert max(there) < MESSAGES * BODY / 2
