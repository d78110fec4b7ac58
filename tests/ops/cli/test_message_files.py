"""`export`, `drop`, `import`: messages in files, and back."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ops import private_file
from ops.dead_letters import imported
from ops.dead_letters.imported import Asked, Imported
from ops.queue import find
from ops.sqs.message import Entry
from ops.stage import Stage
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.faults import no_room_for


def test_drop_deletes_only_what_is_in_the_file(aws: Endpoint, tmp_path: Path) -> None:
    dead_tickets(aws, 5)
    assert answer("drop", "open_ticket")["matched"] == 5
    assert answer("queues")[1]["waiting"] == 5
    file = tmp_path / "dropped.jsonl"
    dropped = answer("drop", "open_ticket", "--filter", "body.n < `2`", "--file", str(file), "--yes")
    assert (dropped["matched"], dropped["deleted"]) == (2, 2)
    assert {json.loads(json.loads(line)["body"])["n"] for line in file.read_text().splitlines()} == {0, 1}
    assert answer("queues")[1]["waiting"] == 3


def test_what_is_written_is_on_the_disk_before_anything_is_deleted(
    aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 3)
    file, synced = tmp_path / "dropped.jsonl", []
    sync = os.fsync

    def fsync(number: int) -> None:
        sync(number)
        if os.path.samestat(os.fstat(number), file.stat()):
            synced.append((len(file.read_text().splitlines()), len(queue(aws, "open_ticket-dlq"))))

    monkeypatch.setattr(os, "fsync", fsync)
    assert answer("drop", "open_ticket", "--file", str(file), "--yes")["deleted"] == 3
    assert synced == [(3, 3)]


def test_what_was_exported_can_be_imported(aws: Endpoint, tmp_path: Path) -> None:
    dead = queue(aws, "change_ticket-dlq")
    for number in range(12):
        aws.put(dead, f"grüße {number}", group=f"ticket-{number % 3}", tenant="acme")
    file = str(tmp_path / "letters.jsonl")
    assert answer("drop", "change_ticket", "--file", file, "--yes")["deleted"] == 12
    assert len(dead) == 0
    assert ops("import", "change_ticket-dlq", file).stdout.startswith("Would put 12")
    assert answer("import", "change_ticket-dlq", file, "--yes")["sent"] == 12
    bodies = dead.bodies()
    assert sorted(bodies) == sorted(f"grüße {number}" for number in range(12))
    assert [body for body in bodies if int(body.split()[1]) % 3 == 0] == ["grüße 0", "grüße 3", "grüße 6", "grüße 9"]
    (message, *_) = aws.do(lambda: dead.take(10, 30))
    assert message.attributes["tenant"].text == "acme"


def test_an_export_copies_and_never_overwrites(aws: Endpoint, tmp_path: Path) -> None:
    dead_tickets(aws, 12)
    file = str(tmp_path / "letters.jsonl")
    assert answer("export", "open_ticket", file, "--filter", "body.n > `1`")["matched"] == 10
    assert answer("queues")[1]["waiting"] == 12
    again = ops("export", "open_ticket", file)
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)


def test_an_export_says_what_a_fifo_queue_does_not_show(aws: Endpoint, tmp_path: Path) -> None:
    for number in range(15):
        aws.put(queue(aws, "change_ticket-dlq"), str(number), group="ticket-1")
    result = ops("export", "change_ticket", str(tmp_path / "letters.jsonl"))
    assert result.exit_code == 3
    assert "5 messages are not" in result.stderr


def line(id_: str, body: str) -> bytes:
    return json.dumps({"message_id": id_, "body": body, "system": {"MessageGroupId": "ticket-1"}}).encode() + b"\n"


def test_a_line_that_is_no_message_is_named(aws: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    for odd in (b'{"message_id": "m2", "body": "\xff"}', b"\xff\xfe", b"[" * 100_000, b'"\\ud800"'):
        file.write_bytes(line("m1", "1") + odd + b"\n")
        result = ops("import", "open_ticket-dlq", str(file), "--yes")
        assert (result.exit_code, "line 2 is no exported message" in result.stderr) == (2, True), result.output
    assert len(queue(aws, "open_ticket-dlq")) == 0


def grouped(count: int) -> bytes:
    return b"".join(line(f"m{number}", str(number)) for number in range(count))


def test_every_import_of_a_file_is_new_however_soon_it_follows(aws: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_bytes(grouped(12))
    for times in (1, 2):
        result = answer("import", "change_ticket-dlq", str(file), "--yes")
        assert (result["sent"], result["before"]) == (12, 0)
        assert queue(aws, "change_ticket-dlq").arrived == [str(number) for number in range(12)] * times
    assert answer("resume") == []


def test_an_import_that_was_interrupted_goes_on_in_order_and_sends_nothing_twice(aws: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_bytes(grouped(30))
    dead = queue(aws, "change_ticket-dlq")
    with no_room_for(b'"sent":[14]'):
        broken = ops("import", "change_ticket-dlq", str(file), "--yes")
    assert (broken.exit_code, "No space left" in broken.stderr) == (5, True), broken.output
    assert len(dead.arrived) == 14  # SQS has it, the journal does not
    ((row),) = answer("resume")
    assert (row["queue"], row["moved"], row["file"]) == ("change_ticket-dlq", 13, str(file))
    dry = ops("import", "change_ticket-dlq", str(file)).stdout
    assert dry.startswith("Would put 17 messages")
    result = answer("resume", row["redrive"])
    assert (result["sent"], result["before"], dead.arrived) == (30, 13, [str(number) for number in range(30)])
    assert answer("resume") == []


def test_the_same_import_command_goes_on_where_the_killed_one_stopped(
    aws: Endpoint, stage: Stage, tmp_path: Path
) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_bytes(grouped(5))
    dead = find(stage, "open_ticket-dlq")
    asked = Asked(dead, str(file), hashlib.sha256(file.read_bytes()).hexdigest(), 0)
    journal = Imported(imported.path(stage, "20260101-000000-aaaa"), asked)
    journal.open()
    journal.sent([1, 2])
    busy = ops("import", "open_ticket-dlq", str(file), "--yes")
    assert (busy.exit_code, "runs, in process" in busy.stderr) == (2, True)
    journal.close()
    with journal.path.open("ab") as torn:
        torn.write(b'{"sent":[3')
    assert answer("import", "open_ticket-dlq", str(file), "--yes")["before"] == 2
    assert sorted(queue(aws, "open_ticket-dlq").arrived) == ["2", "3", "4"]
    file.write_bytes(grouped(4))
    assert answer("import", "open_ticket-dlq", str(file), "--yes")["sent"] == 4


def test_what_sqs_takes_for_a_message_that_it_has_is_not_reported_as_imported(
    aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_bytes(line("m1", "1") + line("m2", "2"))
    dead = queue(aws, "change_ticket-dlq")
    put = dead.put

    def as_one(entry: Entry, **more: Any) -> str:
        entry.message_deduplication_id = "always"
        return put(entry, **more)

    monkeypatch.setattr(dead, "put", as_one)
    result = ops("import", "change_ticket-dlq", str(file), "--yes")
    assert (result.exit_code, "m2 was refused: SQS took it for another" in result.stdout) == (3, True), result.output


@pytest.mark.parametrize("word", ["open_ticket-dlq", "change_ticket-dlq"])
def test_two_messages_of_one_id_are_refused_before_one_is_lost(aws: Endpoint, tmp_path: Path, word: str) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_bytes(line("m1", "1") + line("m2", "2") + line("m1", "3"))
    result = ops("import", word, str(file), "--yes")
    assert result.exit_code == 2
    assert "has message_id m1 on line 1 and again on line 3" in result.stderr
    assert len(queue(aws, word)) == 0
    assert answer("import", word, str(file), "--skip", "1", "--yes")["sent"] == 2


def test_a_folder_that_is_named_like_a_journal_is_passed_over(aws: Endpoint, stage: Stage) -> None:
    (stage.files / "x.journal").mkdir(parents=True)
    dead_tickets(aws, 1)
    assert answer("resume") == []
    assert answer("redrive", "open_ticket", "--yes")["tally"]["moved"] == 1


@pytest.mark.parametrize("name", ["20260101-000000-aaaa.import", "20260101-000000-aaaa.journal"])
def test_a_journal_that_is_damaged_stands_in_nobodys_way_and_is_named(
    aws: Endpoint, stage: Stage, tmp_path: Path, name: str
) -> None:
    private_file.make_folder(stage.open_files())
    (stage.files / name).touch(mode=0o600)
    dead_tickets(aws, 2)
    file = tmp_path / "letters.jsonl"
    commands = [("resume",), ("redrive", "open_ticket"), ("status", "open_ticket")]
    commands += [
        ("drop", "open_ticket", "--file", str(file), "--yes"),
        ("import", "open_ticket-dlq", str(file), "--yes"),
    ]
    for command in (*commands, ("redrive", "open_ticket", "--yes")):
        result = ops(*command)
        assert (result.exit_code, command[0] == "drop" or name in result.stderr) == (0, True), result.output
    assert len(queue(aws, "open_ticket").arrived) == 2


def test_an_import_that_cannot_begin_its_journal_leaves_none(aws: Endpoint, stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_bytes(grouped(3))
    with no_room_for(b"digest"):
        result = ops("import", "change_ticket-dlq", str(file), "--yes")
    assert (result.exit_code, "No space left" in result.output) == (1, True), result.output
    assert [each.name for each in stage.files.iterdir() if each.suffix != ".jsonl"] == []
    assert answer("import", "change_ticket-dlq", str(file), "--yes")["sent"] == 3
