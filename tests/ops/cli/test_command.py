"""What cannot be done is one sentence and an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.cli.commands import Commands
from stacks import names
from tests.ops.cli.typed import ops
from tests.ops.endpoint import Endpoint


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["redrive", "opn_ticket"], 2, "Did you mean open_ticket?"),
        (["redrive", "https://sqs.us-east-1.amazonaws.com/1/nothing"], 2, "is no URL of a queue"),
        (["redrive", "nothing"], 2, "There is no queue 'nothing'"),
        (["redrive", "open_ticket", "--filter", "body.["], 2, "is no JMESPath"),
        (["redrive", "open_ticket", "--older-than", "soon"], 2, "is no span of time"),
        (["redrive", "open_ticket", "--edit", "[]", "--yes"], 2, "must be a JSON object"),
        (["redrive", "open_ticket", "--edit", "{"], 2, "is no JSON"),
        (["redrive", "open_ticket", "--rate", "fast"], 2, "--rate is 'fast'"),
        (["redrive", "open_ticket", "--to", "change_ticket"], 2, "say --group GROUP"),
        (["redrive", "change_ticket", "--to", "open_ticket"], 2, "choose a FIFO queue"),
        (["redrive", "open_ticket", "--to", "open_ticket-dlq"], 2, "is where they are"),
        (["redrive", "open_ticket", "--to", "assign_ticket", "--group", "g"], 2, "--group is for"),
        (["redrive", "open_ticket", "--to", "change_ticket", "--group", "a b"], 2, "--group takes"),
        (["redrive", "open_ticket", "--to", ""], 2, "There is no queue ''"),
        (["redrive", "open_ticket", "--native", "--limit", "3"], 2, "takes no filter, limit, edit or group"),
        (["resume", "nothing"], 2, "There is no unfinished redrive 'nothing'"),
        (["import", "open_ticket-dlq", "nothing.jsonl"], 2, "cannot be read"),
        (["cancel", "open_ticket"], 2, "No redrive from open_ticket-dlq is under way."),
        (["queues", "--stage", "nowhere"], 2, f"no stage 'nowhere' in cdk.json; there is: {', '.join(names.STAGES)}."),
        (["peek", "open_ticket", "--work"], 2, "after 3 of them SQS moves a message of open_ticket"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(
    aws: Endpoint, arguments: list[str], code: int, sentence: str
) -> None:
    result = ops(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_without_a_local_stack_the_sentence_says_how_to_start_one(home: Path) -> None:
    result = ops("queues")
    assert result.exit_code == 1
    assert result.stderr.strip() == "Nothing runs on this machine: start it with `python -m local up`."


def test_an_endpoint_that_does_not_answer_is_one_sentence(home: Path) -> None:
    state = {"aws_endpoint_url": "http://127.0.0.1:1", "region": "us-east-1", "account": "000000000000"}
    state |= {"access_key_id": "key", "secret_access_key": "hidden", "ca_bundle": ""}
    (home / "state.json").write_text(json.dumps(state))
    result = ops("redrive", "open_ticket")
    assert result.exit_code == 1
    assert result.stderr.strip() == "AWS does not answer at http://127.0.0.1:1/: is it running, and the network up?"


@pytest.mark.parametrize(
    ("region", "sentence"),
    [
        ("eu-west-1", "There are no AWS credentials: sign in, or say --profile, and try again."),
        ("", "There is no AWS region: say --region, or set one in the profile, and try again."),
    ],
)
def test_what_aws_needs_to_know_is_asked_for_in_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, region: str, sentence: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
        "AWS_CONFIG_FILE": str(home / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    result = ops("queues", "--stage", next(stage for stage in names.STAGES if stage != names.LOCAL))
    assert result.exit_code == 1
    assert result.stderr.strip() == sentence


def test_every_command_has_an_example() -> None:
    for name, command in Commands().items():
        assert "Example: python -m ops" in (command.help or ""), name


LEAN = """
import json, sys
from ops.__main__ import main
sys.argv[1:] = ["redrive", "nothing", "--cause", "bad", "--yes"]
try:
    main("python -m ops")
except SystemExit as ended:
    assert ended.code == 1, ended.code
print(json.dumps(list(sys.modules)))
"""
OTHERS = {
    "pydantic",
    "boto3",
    "aiohttp",
    "rich.progress",
    "ops.cli.look",
    "ops.cli.replay",
    "ops.cost.costing",
    "ops.scale",
}


def test_a_redrive_imports_nothing_of_the_other_commands(tmp_path: Path) -> None:
    environment = os.environ | {"HEADRACE_LOCAL": str(tmp_path)}
    started = subprocess.run(
        [sys.executable, "-c", LEAN], cwd=names.ROOT, env=environment, capture_output=True, text=True, check=True
    )
    imported = set(json.loads(started.stdout))
    assert {"ops.cli.redrive", "ops.redrive.mover"} <= imported
    assert not imported & OTHERS
