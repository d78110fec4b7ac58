"""A redrive as a command: what is shown, typed, asks for the very same."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ops.dead_letters.selection import Selection
from ops.redrive import run
from ops.redrive.command import command, redrive_command
from ops.redrive.report import Report
from ops.redrive.request import Request
from ops.redrive.rule import Script
from ops.visible import visible
from tests.ops.cli.typed import ops
from tests.ops.endpoint import Endpoint

REQUESTS = (
    Request("open_ticket"),
    Request("arn:aws:sqs:us-east-1:000000000000:their-dlq", limit=3, rate=2.5, force=True),
    Request("open_ticket", selection=Selection(filter=r"body.note == 'it\'s; $(rm -rf ~)'", older_than=5400)),
    Request("open_ticket", selection=Selection(cause='Reject: "a" & `b`', ids=("one", "two"))),
    Request("change_ticket", keep_order=False, follow=True, to="mail_ticket", rate="max"),
    Request("open_ticket", edit='{"language": "EN", "note": "it\'s"}', natively=False, group="g 1"),
)


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("yes", [True, False])
def test_what_is_shown_asks_for_the_same(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, request_: Request, yes: bool
) -> None:
    asked: list[Any] = []

    def redrive(_: Any, request: Request, *, yes: bool, **__: Any) -> Report:
        asked.append((request, yes))
        return Report("run", request.queue, acted=False)

    monkeypatch.setattr(run, "redrive", redrive)
    shown = redrive_command(request_, ["--stage", "local"], yes=yes)
    words = shlex.split(shown)
    assert words[:3] == ["python", "-m", "ops"]
    ops(*words[3:])
    assert asked == [(request_, yes)], shown


def test_a_rule_and_an_edit_by_hand_are_said_by_their_options(tmp_path: Path) -> None:
    file = tmp_path / "fix.py"
    file.write_text("def fix(message):\n    return None\n")
    script = Script.of(f"{file}:fix")
    assert f"--python {file}:fix" in redrive_command(Request("q", python=script), yes=False)
    by_hand = replace(Request("q"), edit="# message 1 json 0cc175b9c0f1b6a831c399e269772661\n{}\n")
    assert redrive_command(by_hand, yes=True) == "python -m ops redrive q --editor --yes"


def test_a_shell_reads_every_word_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.redrive.command.NAME", "headrace")
    shown = command("trace", "a b; rm -rf $HOME", where=["--profile", "it's"])
    assert shlex.split(shown) == ["headrace", "trace", "a b; rm -rf $HOME", "--profile", "it's"]


HOSTILE = (
    "a\nrm -rf ~\n",
    "'; rm -rf ~ #\r\n",
    "\x1b[2J\x07",
    "\u202egnp.exe \u200b",
    "back\\slash\n'quoted'",
    "\U000e0041",
    "a\x1bA\u202e1",
    "\t",
)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_command_that_is_copied_is_one_line_that_shows_all_it_says(word: str) -> None:
    """Where it is pasted a newline ends a line, and what does not show would not be copied as it was."""
    told = command("dead", "--cause", word)
    assert told.isprintable()
    assert visible(told) == told
    shell = shutil.which("bash")
    assert shell is not None
    script = told.replace("python -m ops", "printf '%s\\0'")
    said = subprocess.run([shell, "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}).stdout
    assert said.decode().split("\0")[:-1] == ["dead", "--cause", word]
