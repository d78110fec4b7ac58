"""What a redrive or an import may have sent although nobody said so is counted, kept in its journal, and told."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ops import private_file
from ops.dead_letters import imported, restore
from ops.errors import OpsError
from ops.queue import Queue
from ops.redrive import journal as journals
from ops.redrive import run as redrives
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.sqs import client
from ops.sqs.client import Sqs
from ops.sqs.message import Entry
from ops.sqs.transport import Unanswered
from ops.stage import Stage
from tests.aws.queues import FakeSqs
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint

EXPIRED = 403, b'{"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "The token is expired"}'


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sqs, "pause", lambda _, __: asyncio.sleep(0))


def answering_sends(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, answered: Callable[[bytes], tuple[int, bytes]]
) -> None:
    """SQS carries out every send, and says of it what `answered` makes of its answer."""
    serve = aws.sqs.__class__.__call__

    async def odd(self: Any, action: str, payload: bytes) -> tuple[int, bytes]:
        status, body = await serve(self, action, payload)
        return answered(body) if action == "SendMessageBatch" else (status, body)

    monkeypatch.setattr(aws.sqs.__class__, "__call__", odd)


def without_checksums(body: bytes) -> tuple[int, bytes]:
    told = json.loads(body)
    for each in told["Successful"]:
        each.pop("MD5OfMessageBody")
    return 200, json.dumps(told).encode()


@pytest.mark.parametrize("odd", [without_checksums, lambda _: (200, b"{}")], ids=["no checksums", "names none"])
def test_sends_whose_answer_cannot_be_read_are_tried_twice_and_may_be_there_twice(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, odd: Callable[[bytes], tuple[int, bytes]]
) -> None:
    dead_tickets(aws, 8)
    with monkeypatch.context() as outage:
        answering_sends(aws, outage, odd)
        result = ops("redrive", "open_ticket", "--yes", "--json")
    report, arrived = json.loads(result.stdout), len(queue(aws, "open_ticket").arrived)
    assert (result.exit_code in (3, 5), report["maybe_twice"], arrived) == (True, 16, 16), result.output


def test_a_run_whose_first_sends_got_no_answer_has_begun(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 8)
    answers = iter([(200, b""), EXPIRED])
    with monkeypatch.context() as outage:
        answering_sends(aws, outage, lambda _: next(answers))
        result = ops("redrive", "open_ticket", "--yes", "--json")
    report, (journal,) = json.loads(result.stdout), journals.unfinished(stage)
    assert (result.exit_code, report["maybe_twice"], report["run"]) == (5, 8, journal.run)
    assert "resume" in result.stderr


def twice_impatient(work: Any) -> Any:
    """Ctrl-C twice, the second while the first batch is on its way: what is under way is cut off."""

    async def cut_off(self: Any) -> None:
        task = asyncio.ensure_future(work(self))
        await asyncio.sleep(0.7)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise KeyboardInterrupt

    return cut_off


def slow_sends(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    serve = aws.sqs.__class__.__call__

    async def slow(self: Any, action: str, payload: bytes) -> tuple[int, bytes]:
        told = await serve(self, action, payload)
        if action == "SendMessageBatch":
            await asyncio.sleep(3)
        return told

    monkeypatch.setattr(aws.sqs.__class__, "__call__", slow)


def test_a_second_ctrl_c_in_the_first_batch_keeps_the_journal_and_says_what_may_be_there_twice(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 10)
    with monkeypatch.context() as impatient:
        slow_sends(aws, impatient)
        impatient.setattr(redrives._Move, "_work", twice_impatient(redrives._Move._work))
        result = ops("redrive", "open_ticket", "--yes", "--json")
    report, (journal,) = json.loads(result.stdout), journals.unfinished(stage)
    assert (result.exit_code, report["stopped"], report["run"]) == (5, "interrupted", journal.run)
    assert report["maybe_twice"] == len(queue(aws, "open_ticket").arrived) == 10


def test_a_second_ctrl_c_in_the_first_batch_of_an_import_doubles_nothing_of_a_fifo_group(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dead = queue(aws, "change_ticket-dlq")
    file = tmp_path / "letters.jsonl"
    lines = [{"message_id": f"m{n}", "body": f"b{n}", "system": {"MessageGroupId": f"g{n % 3}"}} for n in range(9)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with monkeypatch.context() as impatient:
        slow_sends(aws, impatient)
        impatient.setattr(restore._Import, "_work", twice_impatient(restore._Import._work))
        result = ops("import", "change_ticket-dlq", str(file), "--yes")
    assert (result.exit_code, len(imported.unfinished(stage)), len(dead.arrived)) == (5, 1, 3), result.output
    assert ops("import", "change_ticket-dlq", str(file), "--yes").exit_code == 0
    assert sorted(dead.arrived) == [f"b{number}" for number in range(9)]


def full_disk(monkeypatch: pytest.MonkeyPatch, word: bytes, after: int = 0) -> None:
    """No line with that word can be written after the first few."""
    written, lines = private_file.write, [0]

    def full(to: int, content: bytes) -> None:
        lines[0] += word in content
        if lines[0] > after:
            written(to, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        written(to, content)

    monkeypatch.setattr(private_file, "write", full)


@pytest.mark.parametrize("word", ["open_ticket", "change_ticket"], ids=["standard", "fifo"])
def test_on_a_full_disk_what_sqs_confirmed_is_deleted_and_nothing_is_sent_again(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    work, dead = queue(aws, word), queue(aws, f"{word}-dlq")
    for number in range(60):
        aws.put(dead, json.dumps({"n": number}), group=f"g{number % 7}" if dead.fifo else None)
    with monkeypatch.context() as disk:
        full_disk(disk, b'"sent"', after=2)
        result = ops("redrive", word, "--yes", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["tally"]["moved"], report["maybe_twice"]) == (5, len(work.arrived), 0)
    assert len(work.arrived) + len(dead) == 60
    (journal,) = journals.unfinished(stage)
    for each in journal.path.parent.glob(f"{journal.run}.*"):
        os.utime(each, (0, 0))
    answer("resume", journal.run)
    assert (len(work.arrived), len(dead)) == (60, 0)


def test_what_was_confirmed_and_neither_written_down_nor_deleted_may_be_there_twice(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 10)
    serve = aws.sqs.__class__.__call__

    async def undeletable(self: Any, action: str, payload: bytes) -> tuple[int, bytes]:
        return EXPIRED if action == "DeleteMessageBatch" else await serve(self, action, payload)

    with monkeypatch.context() as disk:
        full_disk(disk, b'"sent"')
        disk.setattr(aws.sqs.__class__, "__call__", undeletable)
        result = ops("redrive", "open_ticket", "--yes", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["maybe_twice"], report["tally"]["moved"]) == (5, 10, 10), result.output


def test_on_a_full_disk_an_import_counts_what_sqs_took(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "letters.jsonl"
    file.write_text("".join(json.dumps({"message_id": f"m{n}", "body": f"b{n}"}) + "\n" for n in range(25)))
    with monkeypatch.context() as disk:
        full_disk(disk, b'"sent"', after=1)
        result = ops("import", "open_ticket-dlq", str(file), "--yes", "--json")
    report = json.loads(result.stdout)
    arrived = len(queue(aws, "open_ticket-dlq").arrived)
    assert (result.exit_code, report["sent"], report["maybe_twice"], arrived) == (5, 20, 10, 20), result.output
    assert len(imported.unfinished(stage)) == 1


def test_where_the_last_line_of_a_journal_cannot_be_written_the_counts_and_the_run_are_told(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 5)
    with monkeypatch.context() as disk:
        full_disk(disk, b'"ended"')
        result = ops("redrive", "open_ticket", "--yes", "--json")
    report, error = json.loads(result.stdout), json.loads(result.stderr)
    assert (result.exit_code, report["tally"]["moved"]) == (5, 5), result.output
    assert f"`resume {report['run']}` goes on" in error["error"]
    answer("resume", report["run"])
    assert journals.unfinished(stage) == []


def test_a_journal_says_after_a_full_disk_what_it_could_not_say_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "run.journal", Queue("a-dlq", "dead", "a-dlq", "http://sqs/1/a-dlq"), Request("a"))
    journal.sent(["1"])
    with monkeypatch.context() as disk:
        full_disk(disk, b"{")
        with pytest.raises(OpsError, match="No space left"):
            journal.sent(["2", "3"])
        with pytest.raises(OpsError, match="No space left"):
            journal.deleted(["3"])
    journal.sent(["4"])
    journal.deleted(["1"])
    journal.close()
    again = Journal.read(journal.path)
    assert (again.pending, again.moved) == (journal.pending, journal.moved) == ({"2", "4"}, 4)


@dataclass
class GivenUp:
    """Answers nothing but this status."""

    status: int

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        return self.status, b"<html>"


class Odd(FakeSqs):
    """Carries out what it is told, and answers what `answers` say, each once."""

    answers: list[Callable[[dict[str, Any]], tuple[int, bytes]]]

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        if action != "SendMessageBatch" or not self.answers:
            return await super().__call__(action, payload)
        _, body = await super().__call__(action, payload)
        return self.answers.pop(0)(msgspec.json.decode(body))


def _fails_too(told: dict[str, Any]) -> tuple[int, bytes]:
    failed = [{"Id": each["Id"], "Code": "InternalError", "SenderFault": False} for each in told["Successful"]]
    return 200, msgspec.json.encode({**told, "Failed": failed})


async def test_what_sqs_says_to_have_taken_and_refused_is_kept_and_may_be_there_twice() -> None:
    odd = Odd()
    odd.answers = [_fails_too]
    sqs, to = Sqs(odd), odd.create("work")
    told = await sqs.send(to.url, [Entry("1", "body")])
    assert (told["1"] is not None, sqs.unsure, len(to.arrived)) == (True, 1, 1)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_a_send_answered_by_who_stands_between_is_tried_again_and_may_be_there_twice(status: int) -> None:
    odd = Odd()
    odd.answers = [lambda _: (status, b"<html>")]
    sqs, to = Sqs(odd), odd.create("work")
    assert await sqs.send(to.url, [Entry("1", "body")]) == {"1": None}
    assert (sqs.unsure, len(to.arrived)) == (1, 2)


@pytest.mark.parametrize("status", [408, 502, 504])
async def test_a_send_that_a_gateway_gives_up_is_made_twice_at_most(status: int) -> None:
    odd = Odd()
    odd.answers = [lambda _: (status, b"<html>")] * 20
    sqs, to, fifo = Sqs(odd), odd.create("work"), odd.create("work.fifo")
    with pytest.raises(Unanswered, match=f"HTTP {status}"):
        await sqs.send(to.url, [Entry("1", "body")])
    assert (sqs.unsure, len(to.arrived)) == (2, 2)
    odd.answers = [lambda _: (status, b"<html>")] * 5
    sent = Entry("1", "body", message_group_id="g", message_deduplication_id="d")
    assert await sqs.send(fifo.url, [sent]) == {"1": None}, "a FIFO queue takes no copy"
    assert len(fifo.arrived) == 1


async def test_what_sqs_itself_says_not_to_have_done_is_in_no_doubt() -> None:
    odd = Odd()
    odd.answers = [lambda _: (503, b'{"__type": "com.amazonaws.sqs#ServiceUnavailable"}')]
    sqs, to = Sqs(odd), odd.create("work")
    await sqs.send(to.url, [Entry("1", "body")])
    assert sqs.unsure == 0


@pytest.mark.parametrize("status", [408, 504])
def test_a_redrive_whose_sends_a_gateway_gave_up_has_begun_and_says_what_may_be_there_twice(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    dead_tickets(aws, 5)
    with monkeypatch.context() as outage:
        answering_sends(aws, outage, lambda _: (status, b"<html>"))
        result = ops("redrive", "open_ticket", "--yes", "--json")
    report, (journal,) = json.loads(result.stdout), journals.unfinished(stage)
    assert (result.exit_code, report["run"]) == (5, journal.run)
    assert report["maybe_twice"] == len(queue(aws, "open_ticket").arrived) == 10


@pytest.mark.parametrize("status", [408, 500, 502, 504])
async def test_a_receive_that_a_gateway_gives_up_may_have_hidden_messages(status: int) -> None:
    sqs = Sqs(GivenUp(status))
    with pytest.raises(Unanswered, match=f"HTTP {status}"):
        await sqs.receive("http://sqs/0/work", visibility=1, wait=0)


def test_a_fault_is_read_however_it_is_spelled() -> None:
    assert client._fault(403, b'{"__type": "X", "Message": "you may not"}') == ("X", "you may not")
    assert client._fault(403, b'{"__type": "X", "message": "caf\xe9"}') == ("HTTP 403", None)
