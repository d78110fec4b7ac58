"""A few runs of what `make faults` does three hundred of: the command as a process, on SQS that is not ours."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.redrive_fuzz.__main__ import run
from tests.redrive_fuzz.engines import engines
from tests.redrive_fuzz.report import table
from tests.redrive_fuzz.scenario import drawn

SAMPLE = (("all", 5), ("filter", 1), ("limit", 2), ("edit", 6), ("drop", 3), ("import", 7))


@pytest.mark.long
def test_a_few_runs_lose_alter_and_disorder_nothing(tmp_path: Path) -> None:
    scenarios = [drawn(seed, kind, "ministack", short=True) for kind, seed in SAMPLE]
    with engines(tmp_path, tuple({each.engine for each in scenarios})) as found:
        results = asyncio.run(run(scenarios, found, tmp_path, until=time.monotonic() + 120))
    assert len(results) == len(SAMPLE)
    assert [finding for result in results for finding in result.findings] == [], table(results)
    assert sum(result.kills for result in results) > 0
    assert sum(result.hurt.total() for result in results) > 0
