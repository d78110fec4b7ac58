"""The benchmark of a redrive measures what it says: all messages are moved, and each figure has its baseline."""

from __future__ import annotations

import os
import sys

import pytest

from benchmarks import redrive
from benchmarks.sqs_endpoint import endpoint


@pytest.mark.long
def test_the_command_and_the_script_move_everything() -> None:
    with endpoint(0.0) as url:
        ours = redrive.command(url, 40, 7)
        loop = redrive.script(1)(url, 40, 7)
    assert ours.messages == loop.messages == 40
    assert ours.cpu > 0
    assert 10 < ours.memory < 500
    assert 0 < loop.cpu < 10


def test_the_memory_of_a_command_is_its_own_and_not_that_of_who_measures() -> None:
    ballast = bytearray(b"x") * 200_000_000
    cost, told = redrive.measure([sys.executable, "-c", "print('done')"], dict(os.environ), 1)
    assert told == "done"
    assert 5 < cost.memory < len(ballast) / 2**20 / 2


def test_a_command_that_fails_is_told_with_what_it_said() -> None:
    with pytest.raises(RuntimeError, match="failed:\nno such queue"):
        redrive.measure([sys.executable, "-c", "import sys; sys.exit('no such queue')"], dict(os.environ), 1)


def test_a_ratio_is_the_median_of_pairs() -> None:
    pairs = [(redrive.Cost(100, 10, 1), redrive.Cost(100, 5, seconds)) for seconds in (0.5, 0.25, 0.1)]
    found = redrive._ratio(pairs, lambda cost: cost.per_cpu)
    assert found == {"baseline": 100, "headrace": 400, "ratio": 4}


def test_what_is_printed_is_what_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = (redrive.Cost(100, 10, 1), redrive.Cost(100, 5, 0.5, 60))
    monkeypatch.setattr(redrive, "_pairs", lambda *_, **__: [pair])
    monkeypatch.setattr(redrive, "start", lambda: 0.25)
    redrive.run()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(redrive.LINES)
    assert lines[1].split()[-3:] == ["100", "200", "2.00"]
    assert lines[-1].split()[-1] == "60"
