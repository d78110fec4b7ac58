"""The command says what broke, with the seed that repeats it, and fails for it; a known gap is told and passes."""

from __future__ import annotations

import pytest

from tests.simulation.__main__ import main
from tests.simulation.gaps import GAPS
from tests.simulation.kinds import KINDS, Kind, deadly

DEADLY = ["--kind", "deadly", "--scenarios", "1", "--size", "4", "--seed", "3"]


def test_a_kind_that_holds_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--kind", "calm", "--messages", "30", "--size", "4"]) == 0
    table = capsys.readouterr().out
    heading, line, *_ = table.splitlines()
    assert heading.split()[:4] == ["kind", "runs", "accepted", "effects"]
    assert line.split()[0] == "calm"
    assert int(line.split()[2]) == int(line.split()[3]) >= 30


def test_a_promise_that_broke_fails_with_its_seed_and_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What nobody promises: that nothing of it dies with a true cause.
    monkeypatch.setitem(KINDS, "deadly", Kind("deadly", deadly, ("explained",)))
    monkeypatch.setitem(GAPS, ("deadly", "explained"), "item 0: known")
    assert main(DEADLY) == 0
    assert "known gap (item 0: known): deadly: explained in 1 of 1 scenarios, seeds 3;" in capsys.readouterr().out

    monkeypatch.delitem(GAPS, ("deadly", "explained"))
    assert main(DEADLY) == 1
    said = capsys.readouterr().out
    assert "BROKEN: deadly: explained in 1 of 1 scenarios, seeds 3;" in said
    assert 'python -m tests.simulation --kind "deadly" --scenarios 1 --seed 3 --size 4' in said


def test_a_gap_that_a_run_does_not_show_is_asked_about(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GAPS, ("calm", "lost"), "nobody's")
    assert main(["--kind", "calm", "--scenarios", "1", "--size", "4"]) == 0
    assert "closed? calm: lost was zero in 1 scenarios" in capsys.readouterr().out
