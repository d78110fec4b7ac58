"""Lanes on the flow: each is a row that says which it is, fed by the route that chooses it."""

from __future__ import annotations

from pathlib import Path

from tests.ops.console.tab import opened, text
from tests.ops.sight import Insights, Queues
from tests.ops.test_lanes import LANES, REQUEST, Mappings, stage


def test_every_lane_says_which_it_is_and_what_feeds_it(home: Path) -> None:
    there = stage(sqs=Queues(), logs=Insights([]), **{"lambda": Mappings()})
    with opened(there) as tab:
        shown = text(tab.get("/"))
        for word, lane in zip(LANES, ("high", "normal", "low"), strict=True):
            assert f"{word} lane {lane}" in shown
            assert f"lane {lane}" in text(tab.get(f"/queue/{word}"))
        assert shown.count(REQUEST) == len(LANES)
