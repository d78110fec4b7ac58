"""What a journal says survives whatever ends its process; what it does not say was not sent."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from ops.dead_letters.selection import Selection
from ops.dead_letters.start import Begun
from ops.errors import OpsError, UsageError
from ops.queue import Queue
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request

DEAD = Queue("a-dlq", "dead", "a-dlq", "http://sqs/1/a-dlq")
SECRET = Request("a", edit='{"password": "s3cr3t"}', selection=Selection(filter="body.token == 's3cr3t'"))


def begun(path: Path, request: Request = SECRET) -> Journal:
    """A journal of a run that began, and that sent two messages, of which one is deleted."""
    journal = Journal(path, DEAD, request)
    journal.begin()
    journal.sent(["1", "2"])
    journal.deleted(["1"])
    return journal


def said(path: Path) -> tuple[set[str], int, str | None]:
    again = Journal.read(path)
    return again.pending, again.moved, again.ended


def test_wherever_its_last_line_breaks_off_a_journal_says_what_its_whole_lines_say(tmp_path: Path) -> None:
    journal = begun(tmp_path / "run.journal")
    before = journal.path.read_bytes()
    journal.took("new")
    journal.sent(["3"])
    journal.close()
    whole = journal.path.read_bytes()
    for at in range(len(before), len(whole) - 1, 5):
        journal.path.write_bytes(whole[:at])
        again = Journal.read(journal.path)
        assert (again.pending, again.moved, again.unstamped, again.request) == ({"2"}, 2, set(), SECRET), whole[:at]
        again.sent(["4"])  # whoever goes on writes on a line of their own
        again.sent(["5"])
        again.close()
        assert said(journal.path) == ({"2", "4", "5"}, 4, None)
    journal.path.write_bytes(whole)
    assert (said(journal.path), Journal.read(journal.path).unstamped) == (({"2", "3"}, 3, None), {"new"})


@pytest.mark.parametrize("head", [b"", b"{", b"{}\n", b'{"sent": ["1"]}\n', b"\xff\n"])
def test_without_its_first_line_it_is_no_journal(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "run.journal"
    path.write_bytes(head)
    with pytest.raises(UsageError, match=r"run\.journal is no journal of a redrive"):
        Journal.read(path)
    assert journals.whole(path) is None


def test_where_it_cannot_be_replaced_whole_it_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def full(file: int) -> None:
        if stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(file)

    for replaced in ("rewrite", "end"):
        journal = begun(tmp_path / f"{replaced}.journal")
        before = journal.path.read_bytes()
        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", full)
            disk.setattr(journals, "LONG", 1)
            with pytest.raises(OpsError, match=rf"{replaced}\.journal cannot be written: No space left"):
                journal.end("done") if replaced == "end" else journal.sent(["3"])
        assert journal.path.read_bytes() == before
        assert list(tmp_path.glob("*.new")) == []
        journal.sent(["4"])  # once there is room, with what could not be written before
        assert said(journal.path)[0] == {"2", "4"} | ({"3"} if replaced == "rewrite" else set())
        journal.close()


def test_a_long_journal_is_replaced_by_what_matters_for_going_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = begun(tmp_path / "run.journal")
    journal.begun = Begun(30, "2026-11-26T10:00:00+00:00")
    journal.took("new")
    length = len(journal.path.read_bytes())
    monkeypatch.setattr(journals, "LONG", length + 2_000)
    for number in range(3, 100):
        journal.sent([str(number)])
        journal.deleted([str(number)])
    journal.sent(["100"])
    journal.close()
    again = Journal.read(journal.path)
    assert (again.pending, again.moved, again.unstamped) == ({"2", "100"}, 100, {"new"})
    assert (again.request, again.begun) == (SECRET, journal.begun)
    assert len(journal.path.read_bytes()) < length + 2_500


@pytest.mark.parametrize("by", ["itself", "who goes on"])
def test_what_ended_keeps_its_counts_and_nothing_that_may_be_secret(tmp_path: Path, by: str) -> None:
    path = tmp_path / "run.journal"
    journal = begun(path, Request("a", limit=7, edit=SECRET.edit, selection=SECRET.selection))
    if by == "who goes on":
        journal.close()
        journal = Journal.read(path)
    journal.end("limit")
    journal.close()
    assert said(path) == ({"2"}, 2, "limit")
    assert Journal.read(path).request == Request("a", limit=7)
    assert b"s3cr3t" not in path.read_bytes()
