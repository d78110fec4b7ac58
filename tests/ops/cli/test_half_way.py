"""What fails half-way: one sentence, the run's name, what was done, exit code 5; and JSON where it is asked for."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials
from typer.core import TyperGroup

from ops import private_file
from ops.redrive import journal as journals
from ops.sqs.connection import connected
from ops.stage import Stage
from tests.aws.queues import REGION
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint

EXPIRED = 403, b'{"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "The token is expired"}'


def fails_after(aws: Endpoint, monkeypatch: pytest.MonkeyPatch, sends: int) -> None:
    """SQS knows the caller no more after so many batches."""
    serve, left = aws.sqs.__class__.__call__, [sends]

    async def expiring(self: Any, action: str, payload: bytes) -> tuple[int, bytes]:
        left[0] -= action == "SendMessageBatch"
        return EXPIRED if left[0] < 0 else await serve(self, action, payload)

    monkeypatch.setattr(aws.sqs.__class__, "__call__", expiring)


def test_an_expired_token_is_a_sentence_with_the_run_and_its_counts_and_resume_goes_on(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 60)
    with monkeypatch.context() as outage:
        fails_after(aws, outage, 2)
        result = ops("redrive", "open_ticket", "--yes", "--json")
    (journal,) = journals.unfinished(stage)
    report, error = json.loads(result.stdout), json.loads(result.stderr)
    assert (result.exit_code, error["exit_code"]) == (5, 5)
    assert (report["run"], report["stopped"], report["tally"]["moved"]) == (journal.run, "failed", journal.moved)
    assert f"`resume {journal.run}` goes on" in error["error"]
    assert error["error"].endswith("Sign in to AWS again.")
    for file in journal.path.parent.glob(f"{journal.run}.*"):
        os.utime(file, (0, 0))
    dead = queue(aws, "open_ticket-dlq")
    aws.do(dead.show_all)
    answer("resume", journal.run)
    assert (len(dead), len(set(queue(aws, "open_ticket").arrived))) == (0, 60)


def test_where_the_token_is_no_good_from_the_beginning_nothing_is_left_to_resume(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 3)
    with monkeypatch.context() as outage:
        fails_after(aws, outage, 0)
        result = ops("redrive", "open_ticket", "--yes")
    assert (result.exit_code, len(result.stderr.strip().splitlines())) == (1, 1)
    assert answer("resume") == []


def test_on_a_full_disk_nothing_is_deleted_that_sqs_did_not_confirm(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = dead_tickets(aws, 60)
    written, lines = private_file.write, [0]

    def full(to: int, content: bytes) -> None:
        lines[0] += b'"sent"' in content
        if lines[0] > 2:
            written(to, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        written(to, content)

    with monkeypatch.context() as disk:
        disk.setattr(private_file, "write", full)
        result = ops("redrive", "open_ticket", "--yes")
    (journal,) = journals.unfinished(stage)
    dead = queue(aws, "open_ticket-dlq")
    assert (result.exit_code, "No space left on device" in result.stderr) == (5, True), result.output
    assert journal.run in result.stderr
    assert "Traceback" not in result.output
    arrived = queue(aws, "open_ticket").arrived
    assert (len(arrived), len(set(arrived))) == (len(ids) - len(dead), len(ids) - len(dead))
    assert len(arrived) >= journal.moved > 0


def test_a_drop_that_fails_half_way_says_what_it_deleted_and_deletes_only_what_is_in_the_file(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dead_tickets(aws, 60)
    file = tmp_path / "dropped.jsonl"
    written, lines = private_file.write, [0]

    def full(to: int, content: bytes) -> None:
        lines[0] += b'"message_id"' in content
        if lines[0] > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        written(to, content)

    with monkeypatch.context() as disk:
        disk.setattr(private_file, "write", full)
        result = ops("drop", "open_ticket", "--file", str(file), "--yes", "--json")
    taken, error = json.loads(result.stdout), json.loads(result.stderr)
    kept = [json.loads(line)["message_id"] for line in file.read_text().splitlines()]
    assert (result.exit_code, error["exit_code"], taken["deleted"]) == (5, 5, 30)
    assert f"{taken['run']} stopped after 30 messages" in error["error"]
    assert (len(set(kept)), len(queue(aws, "open_ticket-dlq"))) == (30, 30)


def test_whoever_signs_in_again_meanwhile_is_found_where_the_first_sign_in_came_from(stage: Stage) -> None:
    provider = stage.session.get_component("credential_provider")
    first, second = Credentials("A", "a"), Credentials("B", "b")

    async def renew() -> tuple[bool, bool, str]:
        provider.load_credentials = lambda: first
        stage.session._credentials = first
        async with connected(stage) as sqs:
            same = sqs.renew()
            provider.load_credentials = lambda: second
            return same, sqs.renew(), sqs._transport.credentials.access_key  # type: ignore[attr-defined]

    assert asyncio.run(renew()) == (False, True, "B")


def test_where_nothing_can_be_recorded_nothing_begins(aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_tickets(aws, 3)

    def full(to: int, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(private_file, "write", full)
        result = ops("redrive", "open_ticket", "--yes")
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert (len(queue(aws, "open_ticket").arrived), len(queue(aws, "open_ticket-dlq"))) == (0, 3)


@pytest.mark.parametrize("moment", ["parse_args", "invoke"])
@pytest.mark.parametrize("json_asked", [True, False])
def test_ctrl_c_between_the_start_and_the_command_is_one_sentence(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, json_asked: bool, moment: str
) -> None:
    def impatient(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TyperGroup, moment, impatient)
    result = ops("redrive", "open_ticket", *(["--json"] if json_asked else []))
    said = json.loads(result.stdout)["error"] if json_asked else result.stderr
    assert (result.exit_code, said.strip()) == (5, "Stopped at once. Nothing is lost; `resume` shows what can go on.")


FOREIGN = f"arn:aws:sqs:{REGION}:000000000000:theirs-dlq"


@pytest.mark.parametrize(
    ("queue", "action", "missing"),
    [
        ("open_ticket", "GetQueueAttributes", "Attributes"),
        ("open_ticket", "GetQueueUrl", "QueueUrl"),
        (FOREIGN, "GetQueueAttributes", "Attributes.QueueArn"),
        (FOREIGN, "GetQueueUrl", "QueueUrl"),
    ],
)
def test_an_answer_without_what_aws_always_says_is_one_sentence(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, queue: str, action: str, missing: str
) -> None:
    aws.sqs.create("theirs-dlq")
    serve = aws.sqs.__class__.__call__

    async def odd(self: Any, asked: str, payload: bytes) -> tuple[int, bytes]:
        return (200, b"{}") if asked == action else await serve(self, asked, payload)

    monkeypatch.setattr(aws.sqs.__class__, "__call__", odd)
    result = ops("redrive", queue, "--yes")
    assert (result.exit_code, f"An answer came without {missing}" in result.stderr) == (1, True), result.output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["redrive", "opn_ticket"], 2, "Did you mean open_ticket?"),
        (["queues", "--nonsense"], 2, "No such option: --nonsense"),
        (["peek"], 2, "Missing argument"),
        (["nonsense"], 2, "No such command"),
        (["queues", "--stage", "nowhere"], 2, "no stage 'nowhere'"),
        (["cancel", "open_ticket"], 2, "No redrive from open_ticket-dlq is under way."),
    ],
)
def test_errors_are_json_where_json_is_asked_for(aws: Endpoint, arguments: list[str], code: int, sentence: str) -> None:
    result = ops(*arguments, "--json")
    error = json.loads(result.stdout)
    assert (result.exit_code, error["exit_code"], result.stderr) == (code, code, "")
    assert sentence in error["error"]


START = """
import os, runpy, signal, sys
class Impatient:
    def find_spec(self, name, *_):
        if name == "ops.cli.app":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Impatient())
runpy.run_module("ops", run_name="__main__")
"""


def test_ctrl_c_during_the_start_is_one_sentence() -> None:
    root = Path(__file__).resolve().parents[3]
    ended = subprocess.run([sys.executable, "-c", START], cwd=root, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (5, "", "Stopped before anything was done.\n")


def test_ctrl_c_during_the_start_is_json_where_json_is_asked_for() -> None:
    root = Path(__file__).resolve().parents[3]
    asked = [sys.executable, "-c", START, "redrive", "open_ticket", "--json"]
    ended = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=False)
    told = {"error": "Stopped before anything was done.", "exit_code": 5}
    assert (ended.returncode, json.loads(ended.stdout), ended.stderr) == (5, told, "")
