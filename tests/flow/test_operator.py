"""The operator's commands do their work with the permissions of the operator's role, and with no other.

Here is each that no other flow test runs; they all act as the operator, because `ops` takes the role of a local stage.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import ops.stage
from local.aws import client
from local.effects import Effects, eventually
from local.session import Session
from local.state import REGION
from ops.cli.app import app
from ops.queue import Queue
from ops.redrive import journal as journals
from ops.redrive.journal import Journal
from ops.redrive.request import Request
from ops.stage import Stage
from stacks import names
from tests.flow.tickets import hire, open_ticket, settled
from tests.sample.topology import SAMPLE

WORD = "open_ticket"
ROLE = names.regional(names.LOCAL, "operator", REGION)


@pytest.fixture(autouse=True)
def home(stack: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.stage, "HOME", stack.home)
    monkeypatch.setattr("ops.sqs.sweep.WAIT", 0)  # an empty queue of the emulator is empty at once


def run(*arguments: object, code: int = 0) -> str:
    """What a command says on both outputs, where it ends with the code."""
    result = CliRunner().invoke(app, [*map(str, arguments)], obj=SAMPLE, env={"COLUMNS": "170"})
    assert result.exit_code == code, result.output
    assert ("not authorized" in result.output) == (code == 1), "what is not essential is done without, and said"
    return " ".join(result.output.split())


def test_it_is_the_operator_who_asks(stack: Session) -> None:
    asking = Stage.open(names.LOCAL, SAMPLE, stack.home).client("sts").get_caller_identity()
    assert f":assumed-role/{ROLE}/" in asking["Arn"]


@contextmanager
def denied(stack: Session, *actions: str) -> Iterator[None]:
    """The operator's role, without some actions."""
    iam = client("iam", stack.state.endpoint)
    never = {"Statement": [{"Effect": "Deny", "Action": actions, "Resource": "*"}]}
    iam.put_role_policy(RoleName=ROLE, PolicyName="never", PolicyDocument=json.dumps(never))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=ROLE, PolicyName="never")


def test_dead_letters_are_looked_at_copied_redriven_and_dropped(
    stack: Session, effects: Effects, tmp_path: Path
) -> None:
    sqs, file = client("sqs", stack.state.endpoint), tmp_path / "letters.jsonl"
    work = effects.url(names.queue(names.LOCAL, WORD))
    poison = sqs.send_message(QueueUrl=work, MessageBody="no JSON")["MessageId"]
    assert eventually(lambda: effects.depth(WORD, dead=True) == 1)

    assert f"{WORD}-dlq" in run("dead")
    assert poison in run("peek", WORD)
    assert "no JSON" in run("peek", WORD)
    run("export", WORD, file)
    assert [json.loads(line)["message_id"] for line in file.read_text().splitlines()] == [poison]
    run("drop", WORD, "--yes")
    assert effects.depth(WORD, dead=True) == 0
    run("import", f"{WORD}-dlq", file, "--yes")
    assert effects.depth(WORD, dead=True) == 1

    with denied(stack, "sqs:SendMessage"):
        assert "not authorized to perform: sqs:SendMessage" in run("redrive", WORD, "--yes", code=1)
    assert effects.depth(WORD, dead=True) == 1

    stage = Stage.open(names.LOCAL, SAMPLE, stack.home)
    name = names.dead_letter_queue(names.LOCAL, WORD)
    stopped = Journal(
        journals.path(stage, "20260101-000000-aaaa"),
        Queue(f"{WORD}-dlq", "dead", name, effects.url(name)),
        Request(WORD, edit='{"not": "yet"}'),
    )
    stopped.sent(["none"])
    stopped.close()
    os.utime(stopped.path, (0, 0))  # long ago, so that nothing can be hidden by it
    run("resume", stopped.run, code=3)  # which cannot edit what is no JSON
    run("redrive", WORD, "--yes", "--force")
    assert eventually(lambda: effects.depth(WORD, dead=True) == 1), "and it is as wrong as before"
    run("drop", WORD, "--yes")


def test_what_events_could_not_deliver_is_redriven_to_its_target(stack: Session, effects: Effects) -> None:
    sqs, target = client("sqs", stack.state.endpoint), effects.url(names.queue(names.LOCAL, "assign_ticket"))
    undelivered = effects.url(names.target_dead_letter_queue(names.LOCAL, "assign_ticket"))
    before = sqs.get_queue_attributes(QueueUrl=target, AttributeNames=["Policy"])["Attributes"]

    def waiting() -> int:
        found = sqs.get_queue_attributes(QueueUrl=undelivered, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    hire(stack, "agent-undelivered")
    sqs.set_queue_attributes(QueueUrl=target, Attributes={"Policy": json.dumps(_without_events(before["Policy"]))})
    try:
        open_ticket(stack, "undelivered-1", ("agent-undelivered", 1))
        assert eventually(lambda: waiting() == 1), "its policy no longer lets the rule send"
        assert effects.item("assignments", "undelivered-1") is None
    finally:
        sqs.set_queue_attributes(QueueUrl=target, Attributes=before)
    run("redrive", "assign_ticket-undelivered", "--yes")
    assert eventually(lambda: effects.item("assignments", "undelivered-1"))
    assert waiting() == 0
    assert settled(effects)


def _without_events(policy: str) -> dict[str, Any]:
    """The policy, without what lets EventBridge in."""
    document: dict[str, Any] = json.loads(policy)
    statements = [each for each in document["Statement"] if "events.amazonaws.com" not in str(each)]
    assert len(statements) < len(document["Statement"])
    return document | {"Statement": statements}
