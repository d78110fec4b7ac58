"""The numbers that other promises rest on: what SQS allows, what a process has room for, how long somebody waits."""

from __future__ import annotations

import pytest

from ops.redrive import (
    document,
    journal,
    linger,
    mover,
    native,
    native_run,
    pace,
    pulse,
    reasons,
    rule,
    run,
    runs,
    sample,
)
from ops.redrive.changes import DIFFERENCES
from ops.redrive.mover import CAME_BACK, LIMIT
from ops.redrive.report import FAILED
from ops.sqs import client, message, outbox, sweep, wire
from ops.sqs.connection import INTERRUPTED

MB = 1024 * 1024


@pytest.mark.parametrize(
    ("module", "limits"),
    [
        (message, {"MOST_BYTES": MB, "MOST_ATTRIBUTES": 10, "REMEMBERED": 240}),
        (client, {"TEN": 10, "THROTTLED_ATTEMPTS": 20, "DOUBTS": 2}),
        (sweep, {"MOST_HELD": 100_000, "VISIBILITY": 120, "WAIT": 1, "PATIENCE": 3, "EXTENDERS": 8, "LOOKS": 2}),
        (outbox, {"LINGER": 0.001}),
        (wire, {"KEPT": 30.0, "MOST": 100}),
        (mover, {"MOST_LOOKED_AT": 20_000, "MOST_BYTES_LOOKED_AT": 64 * MB}),
        (journal, {"LONG": 16 * MB}),
        (linger, {"LINGER": 5.0, "STEP": 1.0, "FEW": 1_000}),
        (native, {"CAP": 500, "EVERY": 2.0, "PATIENCE": 30}),
        (native_run, {"LOOK": 20.0, "LINGER": 5.0, "STEP": 1.0, "SHARE": 4}),
        (pace, {"START": 500.0, "BEHIND": 0.25, "STEP": 0.02, "BURST": 100, "LAG": 60.0, "ENOUGH": 20}),
        (pace, {"SLOWEST": 5.0, "FASTEST": 50_000.0, "FIRST_LOOKS": (0.25, 1.0, 2.0, 4.0)}),
        (pulse, {"EVERY": 20.0}),
        (reasons, {"MOST": 20, "LONGEST": 300}),
        (rule, {"LONGEST": 200}),
        (run, {"WORKERS": 32, "SPARE": 10}),
        (runs, {"MOST": 10}),
        (sample, {"MOST": 100, "MOST_LATER": 1_000, "MOST_BYTES": 16 * MB, "VISIBILITY": 30}),
        (document, {"DEEP": 8, "ALWAYS": 1_000, "FORMS": (-1, 0, 2, 4)}),
    ],
    ids=lambda each: each.__name__.rpartition(".")[2] if hasattr(each, "__name__") else "",
)
def test_each_limit_is_what_its_module_says(module: object, limits: dict[str, object]) -> None:
    assert {name: getattr(module, name) for name in limits} == limits


def test_why_a_redrive_ended_is_said_to_scripts_in_the_same_words() -> None:
    assert (LIMIT, CAME_BACK, INTERRUPTED, FAILED, DIFFERENCES) == ("limit", "came back", "interrupted", "failed", 3)


def test_all_that_may_be_held_is_extended_in_time_though_each_call_takes_forty_milliseconds() -> None:
    assert sweep.MOST_HELD / client.TEN / sweep.EXTENDERS * 0.04 < sweep.VISIBILITY / 2
