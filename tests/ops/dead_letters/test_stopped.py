"""A `drop` or an import that is told to stop says by whom, or why."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import lease as leases
from ops.dead_letters.export import drop
from ops.dead_letters.restore import restore
from ops.lease import Lease, ask_to_stop, running
from ops.queue import find
from ops.stage import Stage
from tests.ops.cli.typed import answer, dead_tickets
from tests.ops.endpoint import Endpoint

Work = Callable[[Stage, Path, Callable[[int, int], None]], tuple[str | None, str | None]]


def dropping(stage: Stage, file: Path, progress: Callable[[int, int], None]) -> tuple[str | None, str | None]:
    taken = drop(stage, "open_ticket", yes=True, progress=progress)
    return taken.stopped, taken.problem


def importing(stage: Stage, file: Path, progress: Callable[[int, int], None]) -> tuple[str | None, str | None]:
    answer("export", "open_ticket", str(file))
    restored = restore(stage, "open_ticket-dlq", file, yes=True, progress=progress)
    return restored.stopped, restored.problem


@pytest.fixture(autouse=True)
def soon(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks to stop is heard at once."""
    monkeypatch.setattr(leases, "LOOK", 0.01)
    dead_tickets(aws, 120)


@pytest.mark.parametrize("work", [dropping, importing])
def test_who_is_cancelled_says_by_whom(aws: Endpoint, stage: Stage, tmp_path: Path, work: Work) -> None:
    dead = find(stage, "open_ticket-dlq")

    def cancelled(done: int, of: int) -> None:
        if (at_it := running(stage, dead)) is not None:
            ask_to_stop(stage, dead, at_it)
            time.sleep(0.2)

    stopped, problem = work(stage, tmp_path / "letters.jsonl", cancelled)
    assert stopped == "interrupted"
    assert (problem or "").startswith("Stopped by `cancel`, from ")


@pytest.mark.parametrize("work", [dropping, importing])
def test_who_lost_the_queue_to_another_says_so(
    aws: Endpoint, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Work
) -> None:
    monkeypatch.setattr(leases, "EVERY", 0.01)
    lost: list[int] = []
    put = Lease._put
    monkeypatch.setattr(Lease, "_put", lambda self, lasts: not lost and put(self, lasts))

    def taken(done: int, of: int) -> None:
        lost.append(done)
        time.sleep(0.2)

    stopped, problem = work(stage, tmp_path / "letters.jsonl", taken)
    assert stopped == "interrupted"
    assert "another took over" in (problem or "")
