"""What a run concludes of the runs before it: that they ended with it, hide something, or may have sent twice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ops.dead_letters.selection import Selection
from ops.dead_letters.start import START
from ops.errors import OpsError
from ops.redrive.mover import Tally
from ops.redrive.report import Report
from ops.redrive.request import Request
from ops.redrive.run import _Move


class Before:
    """The journal of a run before this one."""

    def __init__(self, *, pending: int = 0, idle: float | None = None, died: bool = False, full: bool = False) -> None:
        self.pending = {str(number) for number in range(pending)}
        self.idle = idle
        self.pulse = SimpleNamespace(died=died)
        self.ended: str | None = None
        self.gone: set[str] = set()
        self._full = full

    def end(self, how: str) -> None:
        if self._full:
            raise OpsError("the disk is full")
        self.ended = how

    def deleted(self, ids: set[str]) -> None:
        self.gone |= ids


EVERYTHING = Request("q")


def move(*before: Before, own: Before | None = None, asked: Request = EVERYTHING, **told: Any) -> Any:
    found: Any = object.__new__(_Move)
    tally = Tally(**{name: told.pop(name) for name in list(told) if hasattr(Tally(), name)})
    found._report = Report("this-run", "q", acted=True, tally=tally, **told)
    found._request, found._journal, found._left_behind = asked, own, list(before)
    return found


@pytest.mark.parametrize(
    ("told", "ended"),
    [
        ({}, True),
        ({"stopped": START}, True),
        ({"stopped": "limit"}, False),
        ({"stopped": "interrupted"}, False),
        ({"refused": {"odd": 1}}, False),
        ({"group_blocked": 1}, False),
        ({"lapsed": 1}, False),
        ({"left": 1}, False),
        ({"locked": 1}, False),
        ({"uncounted": 1}, False),
        ({"late": 1}, True),
        ({"asked": Request("q", limit=5)}, False),
        ({"asked": Request("q", selection=Selection(ids=("a",)))}, False),
        ({"asked": Request("q", edit="{}", rate=5)}, True),
    ],
)
def test_the_runs_before_ended_with_one_that_took_all_there_was(told: dict[str, Any], ended: bool) -> None:
    done, undone = Before(), Before(pending=1)
    found = move(Before(full=True), done, undone, **told)
    found._end_left_behind()
    assert (done.ended, undone.ended) == ("with this-run" if ended else None, None)


@pytest.mark.parametrize(
    ("before", "seconds"),
    [
        ([], 0),
        ([Before(died=True, idle=20)], 130),
        ([Before(pending=1, idle=20)], 130),
        ([Before(idle=20)], 0),
        ([Before(died=True)], 0),
        ([Before(died=True, idle=100), Before(pending=2, idle=50)], 100),
        ([Before(died=True, idle=400)], -250),
    ],
)
def test_what_a_process_hides_that_died_is_hidden_for_two_and_a_half_minutes_at_most(
    before: list[Before], seconds: float
) -> None:
    assert move(*before)._hidden() == seconds


@pytest.mark.parametrize(
    ("idle", "own", "moved", "twice"),
    [
        ([], None, 1_000, 0),
        ([240.0], None, 1_000, 0),
        ([240.5], None, 1_000, 320),
        ([241.0, 10.0, 999.0], None, 1_000, 640),
        ([241.0], 300.0, 1_000, 640),
        ([241.0], None, 7, 7),
        ([], 10.0, 1_000, 0),
    ],
)
def test_after_four_minutes_as_many_may_be_there_twice_as_were_on_their_way(
    idle: list[float], own: float | None, moved: int, twice: int
) -> None:
    found = move(*(Before(idle=each) for each in idle), own=Before(idle=own), moved=moved)
    assert found._forgotten() == twice


def test_what_is_settled_is_settled_for_every_run_that_may_have_sent_it() -> None:
    own, before = Before(), Before()
    move(before, own=own)._settled(iter(["a", "b"]))
    move(before)._settled(["c"])
    assert (own.gone, before.gone) == ({"a", "b"}, {"a", "b", "c"})


@pytest.mark.parametrize(
    ("error", "told"), [(OpsError("it broke"), ("failed", "it broke")), (KeyboardInterrupt(), ("interrupted", None))]
)
def test_a_fault_is_told_and_an_interruption_is_none(error: BaseException, told: tuple[str, str | None]) -> None:
    found = move(failure="an earlier one")
    found._failed(error)
    assert (found._report.stopped, found._report.failure) == told


def sweep(stopped: str | None, undeleted: int = 0) -> Any:
    return SimpleNamespace(stopped=stopped, undeleted=undeleted)


@pytest.mark.parametrize(
    ("fifo", "kept", "stopped", "acts", "locked", "unseen"),
    [
        (True, 1, None, True, 5, 0),
        (True, 1, START, True, 5, 0),
        (True, 1, "limit", True, 0, 0),
        (True, 0, None, True, 0, 0),
        (False, 1, None, True, 0, 0),
        (True, 1, None, False, 5, 5),
        (False, 0, None, False, 0, 5),
    ],
)
def test_what_sqs_did_not_show_is_locked_or_was_not_looked_at(
    fifo: bool, kept: int, stopped: str | None, acts: bool, locked: int, unseen: int
) -> None:
    found = move(own=Before() if acts else None, seen=7, moved=7 - kept, late=2)
    found._dead = SimpleNamespace(fifo=fifo)
    found._fill(SimpleNamespace(unsure=3), sweep(stopped, undeleted=4), 10)
    report = found._report
    assert (report.locked, report.unseen, report.undeleted, report.stopped) == (locked, unseen, 4, stopped)
    assert (report.maybe_twice, found._unsure) == (0 if fifo else 3, 3)
    found._fill(SimpleNamespace(unsure=0), sweep(stopped), 4)
    assert (report.locked, report.unseen) == (0, 0)
