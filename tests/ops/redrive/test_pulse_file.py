"""The file by which a run is known to be alive: who has it, since when nobody had, and what is left in it."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from ops.errors import UsageError
from ops.redrive import alongside, pulse
from ops.redrive.pulse import Pulse

OLD = 1_000_000


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "run-1.journal"


def beats(journal: Path) -> Path:
    return journal.with_suffix(".pulse")


def test_what_was_never_taken_was_never_idle(journal: Path) -> None:
    found = Pulse(journal)
    assert (found.take(), found.died) == (None, False)
    assert beats(journal).read_text() == f"\n{os.getpid()}"
    found.end()
    found.end()
    assert beats(journal).read_text() == f"\n{os.getpid()}"


@pytest.mark.parametrize(("at", "idle"), [((100, 50), 50), ((50, 100), 50), ((None, 70), 70), ((-60, -60), 0)])
def test_it_was_idle_since_the_later_of_its_two_files_was_written(
    journal: Path, at: tuple[int | None, int], idle: int
) -> None:
    now = time.time()
    for file, ago in zip((beats(journal), journal), at, strict=True):
        if ago is not None:
            file.write_text("")
            os.utime(file, (now - ago, now - ago))
    found = Pulse(journal)
    assert found.take() == pytest.approx(idle, abs=2)
    assert not found.died
    found.end()


def test_who_has_it_is_named_to_whoever_wants_it_too(journal: Path) -> None:
    found = Pulse(journal)
    found.take()
    said = rf"^run-1 runs, in process {os.getpid()}: wait for it, or end it: with Ctrl-C where it runs, or `cancel`\.$"
    with pytest.raises(UsageError, match=said):
        Pulse(journal).take()
    beats(journal).write_text("")
    with pytest.raises(UsageError, match=r"^run-1 runs, in process of another: "):
        Pulse(journal).take()
    found.end()
    Pulse(journal).take()


@pytest.mark.parametrize(
    ("how", "left"),
    [({}, "1234\n{}"), ({"hides": False}, ""), ({"forget": True}, None), ({"forget": True, "hides": False}, None)],
)
def test_what_a_process_leaves_says_whether_it_may_hide_messages(
    journal: Path, how: dict[str, bool], left: str | None
) -> None:
    beats(journal).write_text("1234")
    found = Pulse(journal)
    found.take()
    assert found.died
    found.end(**how)
    assert beats(journal).exists() is (left is not None)
    if left is not None:
        assert beats(journal).read_text() == left.format(os.getpid())
        again = Pulse(journal)
        again.take()
        assert again.died is (left != "")


@pytest.mark.parametrize("was_there", [True, False])
def test_what_was_only_looked_at_is_put_back_as_it_was(journal: Path, was_there: bool) -> None:
    journal.write_text("journal")
    if was_there:
        beats(journal).write_text("1234")
    for file in journal.parent.iterdir():
        os.utime(file, (OLD, OLD))
    found = Pulse(journal)
    found.take()
    journal.write_text("journal of somebody")
    found.put_back()
    found.put_back()
    assert journal.stat().st_mtime == OLD
    assert beats(journal).exists() is was_there
    if was_there:
        assert (beats(journal).read_text(), beats(journal).stat().st_mtime) == ("1234", OLD)
    journal.unlink()
    found.take()
    found.put_back()


async def test_it_beats_every_twenty_seconds_until_it_is_over(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Pulse(journal)
    await found.beat()
    found.take()
    moments: list[float] = []
    monkeypatch.setattr(pulse.os, "utime", lambda _: moments.append(asyncio.get_running_loop().time()))  # type: ignore[attr-defined]
    async with alongside.alongside(found.beat()):
        await asyncio.sleep(50)
    await asyncio.sleep(50)
    assert moments == [0, 20, 40]
    found.end()
    await found.beat()
    assert len(moments) == 3


async def test_what_goes_on_beside_ends_with_the_work_and_its_faults_are_not_the_works() -> None:
    told: list[str] = []

    async def beside(name: str, error: Exception | None = None) -> None:
        try:
            if error is not None:
                raise error
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            told.append(f"{name} ended")
            raise

    async with alongside.alongside(beside("a"), beside("broken", ValueError("odd")), beside("b")):
        await asyncio.sleep(1)
        told.append("work")
    assert told == ["work", "a ended", "b ended"]
