"""Which journals there are of a stage and of a queue, who may have them, and what a full disk takes from them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.errors import OpsError, UsageError
from ops.queue import Queue, find_dead
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.stage import Stage
from tests.ops.faults import no_room_for

DEAD = Queue("a-dlq", "dead", "a-dlq", "http://sqs/1/a-dlq")


def test_what_a_full_disk_kept_from_the_journal_is_written_once_there_is_room(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.journal", DEAD, Request("a"))
    journal.begin()
    assert journal.catch_up()
    before = journal.path.read_bytes()
    with no_room_for(b'"sent"'):
        with pytest.raises(OpsError, match=r"run\.journal cannot be written: No space left on device\.$"):
            journal.sent(["1", "2"])
        assert (journal.unwritten, journal.catch_up(), journal.moved) == ({"1", "2"}, False, 2)
        with pytest.raises(OpsError):
            journal.deleted(["1"])
        assert (journal.unwritten, journal.pending) == ({"2"}, {"2"})
    assert journal.path.read_bytes() == before
    assert (journal.catch_up(), journal.unwritten) == (True, set())
    again = Journal.read(journal.path)
    assert (again.pending, again.moved) == ({"2"}, 2)
    length = len(journal.path.read_bytes())
    assert journal.catch_up()
    assert len(journal.path.read_bytes()) == length
    with no_room_for(b'"sent"'), pytest.raises(OpsError):
        journal.sent(["3"])
    with no_room_for(b'"moved"'):
        with pytest.raises(OpsError):
            journal.deleted(["3"])
        assert (journal.unwritten, journal.catch_up()) == (set(), False), "how many were sent is not written yet"
    assert journal.catch_up()
    assert Journal.read(journal.path).moved == 3
    journal.close()


def test_a_run_that_sent_nothing_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.journal", DEAD, Request("a"))
    journal.hold()
    journal.begin()
    journal.forget()
    assert (journal.ended, journal.path.exists()) == ("nothing was sent", False)
    journal.forget()
    journal.close(worked=False)
    assert list(tmp_path.iterdir()) == []


def wrote(stage: Stage, run: str, sent: list[str], word: str = "open_ticket", *, ended: bool = False) -> Journal:
    journal = Journal(journals.path(stage, run), find_dead(stage, word), Request(word))
    journal.hold()
    journal.sent(sent)
    if ended:
        journal.end("done")
    journal.hides = False
    journal.close()
    return journal


def test_a_run_is_named_by_the_moment_it_began_and_a_few_letters() -> None:
    names = {journals.new_run() for _ in range(20)}
    assert len(names) == 20
    for name in names:
        assert re.fullmatch(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}", name)
        began = datetime.strptime(name[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        assert abs((datetime.now(UTC) - began).total_seconds()) < 10


def test_journals_are_listed_the_oldest_first_and_what_is_none_is_passed_over(stage: Stage) -> None:
    assert journals.files(stage) == []
    for run in ("run-2", "run-1", "run-3"):
        wrote(stage, run, ["m"], ended=run == "run-3")
    (stage.files / "folder.journal").mkdir()
    (stage.files / "damaged.journal").write_text("{}")
    (stage.files / "other.jsonl").write_text("{}")
    assert [each.stem for each in journals.files(stage)] == ["damaged", "run-1", "run-2", "run-3"]
    assert [each.run for each in journals.unfinished(stage)] == ["run-1", "run-2"]
    assert {each.stat().st_mode & 0o777 for each in journals.files(stage)} == {0o600}


def test_a_link_in_place_of_a_journal_is_no_accident(stage: Stage, tmp_path: Path) -> None:
    wrote(stage, "run-1", ["m"])
    (stage.files / "linked.journal").symlink_to(stage.files / "run-1.journal")
    with pytest.raises(UsageError, match=r"linked\.journal is no journal of a redrive: move it away\.$"):
        journals.unfinished(stage)


def test_a_run_that_is_not_there_is_told_with_those_that_are(stage: Stage) -> None:
    with pytest.raises(UsageError, match=r"^There is no unfinished redrive 'run-9'; there is: none\.$"):
        journals.of(stage, "run-9")
    for run in ("run-1", "run-2"):
        wrote(stage, run, ["m"])
    with pytest.raises(UsageError, match=r"^There is no unfinished redrive 'run-9'; there is: run-1, run-2\.$"):
        journals.of(stage, "run-9")
    held = journals.of(stage, "run-2")
    assert (held.run, held.pending) == ("run-2", {"m"})
    assert held.idle is not None
    assert held.idle < 60
    held.close()


def test_what_runs_of_a_queue_left_is_found_and_held_and_what_runs_or_left_nothing_is_not(stage: Stage) -> None:
    wrote(stage, "run-1", ["m1"])
    wrote(stage, "run-2", [])
    wrote(stage, "run-3", ["m3"], ended=True)
    wrote(stage, "run-4", ["m4"], "close_ticket")
    wrote(stage, "run-5", ["m5"])
    wrote(stage, "run-6", [])
    journals.path(stage, "run-6").with_suffix(".pulse").write_text("1234")
    dead = find_dead(stage, "open_ticket")
    running = journals.of(stage, "run-5")
    found = journals.left_behind(stage, dead)
    assert [(each.run, each.pending, each.pulse.died) for each in found] == [
        ("run-1", {"m1"}, False),
        ("run-6", set(), True),
    ]
    with pytest.raises(UsageError, match="run-1 runs, in process"):
        journals.of(stage, "run-1")
    journals.of(stage, "run-2").close()
    for each in (running, *found):
        each.close(worked=False)
    assert journals.pending(stage, dead) == {"m1", "m5"}
    assert [each.run for each in journals.undeleted(stage, dead)] == ["run-1", "run-5"]


def test_where_one_of_them_cannot_be_read_none_is_held(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for run in ("run-1", "run-2"):
        wrote(stage, run, ["m"])
    hold = Journal.hold

    def away(journal: Journal) -> None:
        if journal.run == "run-2":
            raise OpsError("the disk is away")
        hold(journal)

    with monkeypatch.context() as outage:
        outage.setattr(Journal, "hold", away)
        with pytest.raises(OpsError, match="the disk is away"):
            journals.left_behind(stage, find_dead(stage, "open_ticket"))
    journals.of(stage, "run-1").close()


def test_a_run_that_ended_while_somebody_else_had_it_is_not_gone_on_with(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = wrote(stage, "run-1", ["m"])
    hold = Journal.hold

    def meanwhile(found: Journal) -> None:
        with monkeypatch.context() as original:
            original.setattr(Journal, "hold", hold)
            ended = Journal.read(journal.path)
            ended.end("done")
            ended.close()
        hold(found)

    monkeypatch.setattr(Journal, "hold", meanwhile)
    with pytest.raises(UsageError, match="no unfinished redrive 'run-1'"):
        journals.of(stage, "run-1")
    assert not journal.path.with_suffix(".pulse").exists()
