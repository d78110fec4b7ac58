"""Mistakes that the fuzz must find: each file of `mutants` makes one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.redrive_fuzz.__main__ import run
from tests.redrive_fuzz.engines import engines
from tests.redrive_fuzz.scenario import drawn

MUTANTS = Path(__file__).parent / "mutants"
RUNS = 60
SHOWN_BY = {
    "limit_and_one": ("limit", {"limit exceeded"}),
    "order_reversed": ("out of order", {"disordered"}),
    "filter_ignored": ("filter", {"selected wrongly"}),
    "silence_is_yes": ("all", {"lost"}),
    "journal_forgets": ("all", {"duplicated", "left in both", "never ended"}),
    "retry_is_new": ("out of order", {"duplicated"}),
}
"""By mutant the kind of runs that can show it, and which findings are its."""


@pytest.mark.proof
@pytest.mark.parametrize("mutant", SHOWN_BY)
def test_a_mistake_is_found(mutant: str, tmp_path: Path) -> None:
    kind, named = SHOWN_BY[mutant]
    with engines(tmp_path, ("ministack",)) as found:
        for first in range(1, RUNS, 10):
            scenarios = [drawn(seed, kind, "ministack", short=True) for seed in range(first, first + 10)]
            until = time.monotonic() + 300
            results = asyncio.run(run(scenarios, found, tmp_path, MUTANTS / f"{mutant}.py", until=until))
            if named & {finding.kind for result in results for finding in result.findings}:
                return
    pytest.fail(f"{RUNS} runs did not find it")


def test_every_mistake_is_tried() -> None:
    assert {path.stem for path in MUTANTS.glob("*.py")} == set(SHOWN_BY)
