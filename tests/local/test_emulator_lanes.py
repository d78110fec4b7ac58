"""Patterns of lanes, judged by the emulator's EventBridge, as `tests.stacks.test_lane_patterns` has another judge."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.aws import client
from local.emulator import Emulator
from stacks.entry import Lane, Range
from tests.stacks.test_lane_patterns import meant, subscribed

LANES = [
    Lane("kind", high=("DE", "AT"), low=("FR",)),
    Lane("loud", high=(True,)),
    Lane("loud", high=(True,), low=(False,)),
    Lane("much", high=(7,), low=(-1, 0)),
    Lane("much", high=Range(at_least=100), low=Range(below=10)),
    Lane("much", high=Range(at_least=5, below=7), low=Range(at_least=7, below=8)),
    Lane("exact", low=Range(at_least=0.5)),
]
EVENTS: list[dict[str, Any]] = [
    *({"kind": kind} for kind in ("DE", "AT", "FR", "EN", "")),
    *({"loud": loud} for loud in (True, False)),
    *({"much": much} for much in (-1000, -1, 0, 4, 5, 6, 7, 8, 9, 10, 99, 100, 1000)),
    *({"exact": exact} for exact in (0.499999, 0.5, 0.500001, 1, 1e-6)),
    {},
]


@pytest.mark.parametrize("lane", LANES, ids=str)
def test_an_event_fits_the_pattern_of_one_lane(emulator: Emulator, lane: Lane) -> None:
    events = client("events", emulator.endpoint)
    patterns = {queue: json.dumps({"detail": {"data": pattern}}) for queue, pattern in subscribed(lane).items()}
    assert len(patterns) == len(lane.said) + 1
    for data in EVENTS:
        told: dict[str, Any] = {"id": "1", "account": "000000000000", "source": "desk", "time": "2026-11-26T00:00:00Z"}
        told |= {"region": "us-east-1", "resources": [], "detail-type": "Told", "detail": {"data": data}}
        fits = [
            queue
            for queue, pattern in patterns.items()
            if events.test_event_pattern(EventPattern=pattern, Event=json.dumps(told))["Result"]
        ]
        assert fits == [meant(lane, data)], data
