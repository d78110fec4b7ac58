"""What ops writes is its owner's alone: from the first byte, whatever the umask, and whoever shares the folder."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ops import private_file
from ops.dead_letters.message_file import Archive
from ops.errors import OpsError, UsageError
from ops.queue import Queue, find_dead
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.stage import Stage
from ops.verify import switch
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint

SECRET = "s3cr3t"
EDIT = json.dumps({"password": SECRET, "n": 7})


@pytest.fixture(params=[0o000, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> set[tuple[str, int]]:
    """Kind and mode of the folder and everything in it."""
    return {
        ("folder" if each.is_dir() else "file", stat.S_IMODE(each.lstat().st_mode))
        for each in (folder, *folder.rglob("*"))
    }


def holders(folder: Path, text: str) -> list[str]:
    """The files below the folder that have that text in them, without the runs in their names."""
    return sorted(each.name for each in folder.rglob("*") if each.is_file() and text in each.read_text())


@pytest.mark.usefixtures("umask")
def test_every_file_and_folder_of_ops_is_its_owners_alone(aws: Endpoint, home: Path, stage: Stage) -> None:
    dead_tickets(aws, 4)
    answer("redrive", "open_ticket", "--edit", EDIT, "--limit", "1", "--yes", "--force")
    answer("drop", "open_ticket", "--limit", "1", "--yes")
    answer("export", "open_ticket", str(home / "out" / "deep" / "letters.jsonl"))
    switch._remember(switch._file(stage), {})
    journal = Journal(journals.path(stage, "run"), Queue("q", "dead", "q", "u"), Request("q"))
    journal.sent(["1"])
    journal.close()
    assert {name for name, _ in modes(home / "ops")} == {"file", "folder"}
    assert modes(home / "ops") | modes(home / "out") == {("file", 0o600), ("folder", 0o700)}


def test_what_an_earlier_version_left_open_is_closed_when_it_is_next_used(aws: Endpoint, home: Path) -> None:
    folder = home / "ops" / "local"
    folder.mkdir(parents=True)
    for name in ("audit.jsonl", "old-dropped.jsonl"):
        (folder / name).write_text("")
        (folder / name).chmod(0o644)
    for each in (folder, folder.parent):
        each.chmod(0o755)
    ops("redrive", "open_ticket")
    assert modes(home / "ops") == {("file", 0o600), ("folder", 0o700)}


def test_a_link_is_followed_by_nothing_that_ops_writes(aws: Endpoint, home: Path, stage: Stage) -> None:
    victim = home / "victim"
    victim.write_text("mine")
    victim.chmod(0o644)
    folder = stage.open_files()
    (home / "letters").symlink_to(victim)
    with pytest.raises(UsageError, match="exists already"):
        Archive(home / "letters")
    (home / "dangling").symlink_to(home / "nowhere")
    with pytest.raises(UsageError, match="exists already"):
        Archive(home / "dangling")
    (folder / "run.journal.new").symlink_to(victim)
    journal = Journal(journals.path(stage, "run"), Queue("q", "dead", "q", "u"), Request("q"))
    journal.sent(["1"])
    journal.close()
    (folder / "audit.jsonl").symlink_to(victim)
    dead_tickets(aws, 1)
    refused = ops("drop", "open_ticket", "--yes")
    assert (refused.exit_code, "cannot be written" in refused.stderr) == (1, True)
    (folder / "audit.jsonl").unlink()
    os.mkfifo(folder / "audit.jsonl")
    assert ops("drop", "open_ticket", "--yes").exit_code == 1  # and nobody waits for a reader
    assert len(queue(aws, "open_ticket-dlq")) == 1
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode), (home / "nowhere").exists()) == (
        "mine",
        0o644,
        False,
    )


def test_what_belongs_to_somebody_else_is_not_used(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stage.open_files()
    (folder / "audit.jsonl").write_text("")
    monkeypatch.setattr(private_file, "trusted", lambda: {os.getuid() + 1})
    with pytest.raises(OpsError, match="somebody else"):
        stage.open_files()
    with pytest.raises(OpsError, match="somebody else"):
        journals.files(stage)
    with pytest.raises(OpsError, match="somebody else"):
        private_file.append(folder / "audit.jsonl")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that is somebody else's")
@pytest.mark.parametrize("kind", ["journal", "import"])
def test_a_journal_that_somebody_else_put_into_the_folder_deletes_nothing(
    aws: Endpoint, stage: Stage, kind: str
) -> None:
    ids = dead_tickets(aws, 5)
    theirs = stage.open_files() / f"20260101-000000-aaaa.{kind}"
    head = {"queue": msgspec.to_builtins(find_dead(stage, "open_ticket")), "request": {"queue": "open_ticket"}}
    theirs.write_bytes(b"\n".join(map(msgspec.json.encode, (head, {"sent": ids}))) + b"\n")
    os.chown(theirs, 12_345, 12_345)
    done = ops("redrive", "open_ticket", "--yes") if kind == "journal" else ops("resume")
    assert done.exit_code != 0
    assert "belongs to somebody else" in " ".join(done.output.split())
    assert len(queue(aws, "open_ticket-dlq")) == 5


def test_a_link_to_a_journal_is_none(aws: Endpoint, stage: Stage, tmp_path: Path) -> None:
    ids = dead_tickets(aws, 5)
    head = {"queue": msgspec.to_builtins(find_dead(stage, "open_ticket")), "request": {"queue": "open_ticket"}}
    (tmp_path / "theirs").write_bytes(b"\n".join(map(msgspec.json.encode, (head, {"sent": ids}))) + b"\n")
    (stage.open_files() / "20260101-000000-aaaa.journal").symlink_to(tmp_path / "theirs")
    done = ops("redrive", "open_ticket", "--yes")
    assert (done.exit_code, len(queue(aws, "open_ticket-dlq"))) == (2, 5)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link that is somebody else's")
def test_a_link_that_somebody_else_made_leads_nowhere(stage: Stage, home: Path) -> None:
    mine = home / "www"
    mine.mkdir()
    (mine / "index.html").write_text("")
    (mine / "index.html").chmod(0o644)
    (home / "ops").symlink_to(mine)
    os.chown(home / "ops", 12_345, 12_345, follow_symlinks=False)
    with pytest.raises(OpsError, match="somebody else"):
        stage.open_files()
    assert stat.S_IMODE((mine / "index.html").stat().st_mode) == 0o644


def test_a_secret_of_an_edit_is_shown_nowhere_and_kept_nowhere(aws: Endpoint, home: Path, tmp_path: Path) -> None:
    dead = queue(aws, "open_ticket-dlq")
    for number in range(3):
        aws.put(dead, json.dumps({"password": "0ld", "n": number, "token": "same"}))
    for form in ([], ["--yes", "--json"]):
        aws.put(dead, json.dumps({"password": "0ld", "n": 3, "token": "same"}))
        shown = ops("redrive", "open_ticket", "--edit", EDIT, "--force", *form)
        assert shown.exit_code == 0, shown.output
        assert "[secret, changed]" in shown.output
        assert SECRET not in shown.output
        assert "0ld" not in shown.output
    assert holders(home, SECRET) == []
    assert {name.partition("-originals")[2] for name in holders(home, "0ld")} == {".jsonl"}
    assert SECRET not in str(aws.tables)
    assert '\\"n\\":7' in (home / "ops" / "local" / "audit.jsonl").read_text()
    assert all(SECRET in body for body in queue(aws, "open_ticket").arrived)


def test_an_edit_is_kept_whole_in_the_journal_alone_until_the_redrive_ended(
    aws: Endpoint, home: Path, stage: Stage
) -> None:
    dead = queue(aws, "open_ticket-dlq")
    ids = [aws.put(dead, '{"password": "0ld"}') for _ in range(3)]
    found = Queue("open_ticket-dlq", "dead", dead.name, dead.url)
    request = Request("open_ticket", edit=EDIT, force=True)
    journal = Journal(journals.path(stage, "20260101-000000-aaaa"), found, request)
    journal.sent(ids[:1])
    journal.close()
    assert holders(home, SECRET) == ["20260101-000000-aaaa.journal"]
    assert ops("resume", "20260101-000000-aaaa").exit_code == 0
    assert holders(home, SECRET) == []
    (kept,) = journals.files(stage)
    assert all(id_ in kept.read_text() for id_ in ids[1:])  # by which `trace` knows who sent a message
    assert Journal.read(kept).ended == "done"


def test_an_edit_may_come_from_a_file_or_from_standard_input(aws: Endpoint, tmp_path: Path) -> None:
    dead_tickets(aws, 1)
    (tmp_path / "edit.json").write_text('{"n": 7}')
    assert '"n": 7' in answer("redrive", "open_ticket", "--edit", f"@{tmp_path / 'edit.json'}")["differences"][0]
    assert '"n": 8' in ops("redrive", "open_ticket", "--edit", "-", given='{"n": 8}').stdout
    missing = ops("redrive", "open_ticket", "--edit", f"@{tmp_path / 'nothing'}")
    assert (missing.exit_code, "cannot be read" in missing.stderr) == (2, True)


@pytest.mark.parametrize(
    "edit", ['{"password": s3cr3t}', '"s3cr3t"', '{"a": "s3cr3t', "[" * 5_000, '{"s3cr3t": "\udcff"}']
)
def test_an_edit_that_is_none_is_refused_and_not_repeated(aws: Endpoint, edit: str) -> None:
    refused = ops("redrive", "open_ticket", "--edit", edit)
    assert (refused.exit_code, refused.exception.__class__) == (2, SystemExit)
    assert SECRET not in refused.output


def test_a_filter_with_a_secret_is_recorded_without_it(aws: Endpoint, home: Path) -> None:
    aws.put(queue(aws, "open_ticket-dlq"), f'{{"password": "{SECRET}"}}')
    aws.put(queue(aws, "open_ticket-dlq"), f'{{"password": "{SECRET}"}}')
    chosen = ["open_ticket", "--filter", f"body.password == '{SECRET}'", "--limit", "1", "--yes"]
    assert answer("redrive", *chosen)["tally"]["moved"] == 1
    (kept,) = holders(home, SECRET) or ["nothing"]
    assert kept == "nothing"
    assert answer("drop", *chosen)["deleted"] == 1
    assert {name.partition("-dropped")[2] for name in holders(home, SECRET)} == {".jsonl"}
    assert SECRET not in str(aws.tables)


def test_the_name_of_a_file_that_was_made_or_replaced_is_on_the_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, synced = os.fsync, []

    def fsync(number: int) -> None:
        sync(number)
        if os.path.samestat(os.fstat(number), tmp_path.stat()):
            synced.append(sorted(each.name for each in tmp_path.iterdir()))

    monkeypatch.setattr(os, "fsync", fsync)
    os.close(private_file.create(tmp_path / "made"))
    private_file.replace(tmp_path / "replaced", b"whole")
    assert (synced[0], synced[-1]) == (["made"], ["made", "replaced"])
