"""`drop` and `export` that are cut short, or do not see all: what is deleted, and where it is, is always said."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ops import private_file
from ops.dead_letters import export
from ops.sqs.client import Sqs
from ops.sqs.sweep import Sweep
from tests.aws.queues import FakeSqs
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.faults import no_room_for


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dropped.jsonl"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before a call is made again."""
    monkeypatch.setattr(Sqs, "pause", lambda self, attempt: asyncio.sleep(0))


def drop(file: Path, word: str = "open_ticket") -> tuple[int, str]:
    result = ops("drop", word, "--file", str(file), "--yes")
    return result.exit_code, result.output


def ended(aws: Endpoint) -> bool:
    """Whether the audit says of every drop how it ended."""
    return len(aws.records) > 0 and all("ended_at" in record for record in aws.records)


def test_a_drop_whose_deletions_get_no_answer_says_its_file_and_what_may_be_in_both(
    aws: Endpoint, file: Path, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 12)
    serve = FakeSqs.__call__

    async def unread(self: FakeSqs, action: str, payload: bytes) -> tuple[int, bytes]:
        status, body = await serve(self, action, payload)
        return status, b'{"Succ' if action == "DeleteMessageBatch" else body

    monkeypatch.setattr(FakeSqs, "__call__", unread)
    code, told = drop(file)
    written = len(file.read_text().splitlines())
    assert written >= 10
    assert (code, ended(aws)) == (5, True), told
    assert f"0 deleted from open_ticket-dlq; they are in {file}." in told
    assert f"{written} more are in {file}, and may be in the queue still" in told


def test_a_drop_that_is_interrupted_at_once_says_its_file_and_counts(
    aws: Endpoint, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 30)
    delete = Sweep.delete

    async def interrupted(self: Sweep, ids: Any) -> set[str]:
        await delete(self, ids)
        raise KeyboardInterrupt

    monkeypatch.setattr(Sweep, "delete", interrupted)
    code, told = drop(file)
    assert (code, ended(aws)) == (5, True), told
    result = json.loads(aws.records[0]["result"]["S"])
    assert f"{result['deleted']} deleted from open_ticket-dlq; they are in {file}." in told
    gone = 30 - len(queue(aws, "open_ticket-dlq"))
    assert 0 < result["deleted"] <= gone <= result["deleted"] + result["undeleted"]
    assert result["deleted"] + result["undeleted"] == len(file.read_text().splitlines())


def test_a_drop_that_wrote_nothing_leaves_no_file_in_the_way_of_the_next(aws: Endpoint, file: Path) -> None:
    dead_tickets(aws, 3)
    with no_room_for(b"message_id"):
        code, told = drop(file)
    assert (code, "No space left" in told, ended(aws), file.exists()) == (1, True, True, False), told
    assert answer("drop", "open_ticket", "--file", str(file), "--yes")["deleted"] == 3


def test_a_full_disk_that_tears_the_last_line_loses_nothing(
    aws: Endpoint, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 40)
    dead = queue(aws, "open_ticket-dlq")
    write, room = private_file.write, [2]

    def full(to: int, content: bytes) -> None:
        if b"message_id" in content and not os.get_inheritable(to):
            room[0] -= 1
            if room[0] < 0:
                os.write(to, content[: len(content) // 2 + 7])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(to, content)

    with monkeypatch.context() as context:
        context.setattr(private_file, "write", full)
        code, told = drop(file)
    assert (code, ended(aws), "No space left" in told) == (5, True, True), told
    assert "may be in the queue still" not in told, "what was not written whole is in the queue, and not in the file"
    left = len(dead)
    aws.do(dead.show_all)
    again = ops("import", "open_ticket-dlq", str(file), "--yes")
    assert again.exit_code == 0, again.output
    assert len(dead) == 40, (left, again.output)
    assert sorted(json.loads(body)["n"] for body in dead.bodies()) == list(range(40))


def test_of_a_file_whose_last_line_is_torn_an_import_takes_the_others_and_names_the_line(
    aws: Endpoint, tmp_path: Path
) -> None:
    lines = [json.dumps({"message_id": f"m{number}", "body": str(number)}) + "\n" for number in range(3)]
    file = tmp_path / "torn.jsonl"
    file.write_text("".join(lines)[:-9])
    told = ops("import", "open_ticket-dlq", str(file))
    assert (told.exit_code, "Would put 2 messages" in told.output) == (0, True), told.output
    assert "line 3 is torn" in told.output
    result = answer("import", "open_ticket-dlq", str(file), "--yes")
    assert (result["sent"], result["messages"], result["torn"]) == (2, 2, 3)
    file.write_text(lines[0] + lines[1][:-9] + "\n" + lines[2])
    assert ops("import", "open_ticket-dlq", str(file)).exit_code == 2, "what is torn and not last is damaged"


def fails_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first deletion fails, and those after it do not."""
    serve = FakeSqs.__call__
    failed: list[dict[str, Any]] = []

    async def once(self: FakeSqs, action: str, payload: bytes) -> tuple[int, bytes]:
        if action == "DeleteMessageBatch" and not failed:
            failed.extend({"Id": e["Id"], "Code": "No", "SenderFault": True} for e in json.loads(payload)["Entries"])
            return 200, json.dumps({"Successful": [], "Failed": failed}).encode()
        return await serve(self, action, payload)

    monkeypatch.setattr(FakeSqs, "__call__", once)


def test_a_deletion_that_works_the_second_time_is_counted(
    aws: Endpoint, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 30)
    fails_once(monkeypatch)
    code, told = drop(file)
    assert (code, "30 deleted" in told, len(queue(aws, "open_ticket-dlq"))) == (0, True, 0), told


def test_places_are_given_up_also_for_what_was_deleted_the_second_time(
    aws: Endpoint, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        aws.put(queue(aws, "change_ticket-dlq"), str(number), group=f"g-{number}")
    forgotten: list[str] = []
    fails_once(monkeypatch)
    monkeypatch.setattr(export, "work_of", lambda topology, word: "change_ticket")
    monkeypatch.setattr(export, "forget", lambda stage, work, lost: forgotten.extend(m.body for m in lost))
    assert drop(file, "change_ticket")[0] == 0
    assert sorted(forgotten) == ["0", "1", "2", "3"]


def test_what_others_hold_is_said_by_drop_and_export_and_exits_with_3(aws: Endpoint, file: Path) -> None:
    dead_tickets(aws, 30)
    dead = queue(aws, "open_ticket-dlq")
    aws.do(lambda: [dead.take(10, 600) for _ in range(2)])
    exported = ops("export", "open_ticket", str(file.with_name("exported.jsonl")))
    assert (exported.exit_code, "20 that SQS counts are in flight" in exported.output) == (3, True), exported.output
    code, told = drop(file)
    assert (code, "10 deleted" in told, "20 that SQS counts are in flight" in told) == (3, True, True), told
    assert "In the queue before: 10 to receive, 20 in flight, which somebody holds; after: 0 to receive" in told


def test_a_drop_to_which_sqs_shows_no_more_because_too_many_are_in_flight_exits_with_5(
    aws: Endpoint, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 30)
    serve, left = FakeSqs.__call__, [1]

    async def over(self: FakeSqs, action: str, payload: bytes) -> tuple[int, bytes]:
        if action == "ReceiveMessage":
            left[0] -= 1
            if left[0] < 0:
                return 403, b'{"__type": "com.amazonaws.sqs#OverLimit", "message": "too many"}'
        return await serve(self, action, payload)

    monkeypatch.setattr(FakeSqs, "__call__", over)
    code, told = drop(file)
    assert (code, "10 deleted" in told, "SQS lets no more messages be in flight" in told) == (5, True, True), told
