"""`python -m ops send`: what it takes, what it prints, and how it ends."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

import ops.cli.send
from ops.audit import kept
from ops.cli import screen
from ops.cli.terminal import Terminal
from ops.stage import Stage
from tests.ops.cli.typed import ops as typed
from tests.ops.endpoint import Endpoint
from tests.ops.send.api import Api, answer, running


@pytest.fixture
def api(home: Path, aws: Endpoint) -> Any:
    with running() as api:
        state = json.loads((home / "state.json").read_text())
        (home / "state.json").write_text(json.dumps(state | {"api_url": api.url}))
        yield api


def test_it_prints_the_answer_and_what_follows_the_request(api: Api) -> None:
    api.answers = [answer(202, X_Correlation_Id="corr-1", Location="../v1/requests/corr-1", X_Other="o")]
    done = typed("send", "/v1/tickets")
    assert done.exit_code == 0, done.output
    assert "202 Accepted in " in done.stdout
    assert "X-Correlation-Id: corr-1" in done.stdout
    assert "Location: ../v1/requests/corr-1" in done.stdout
    assert "X-Other" not in done.stdout
    assert '"message_id": "m-1"' in done.stdout
    assert "python -m ops trace corr-1" in done.stderr


def test_json_is_for_programs(api: Api, stage: Stage) -> None:
    done = typed("send", "open_ticket", "--json", "--header", "X-Own: a", "--body", "{}")
    told = json.loads(done.stdout)
    assert (told["status"], told["correlation_id"], told["trace"]) == (202, "corr-1", "python -m ops trace corr-1")
    assert json.loads(told["body"])["message_id"] == "m-1"
    assert (api.asked[0].headers["x-own"], api.asked[0].body) == ("a", b"{}")
    assert len(kept(stage)) == 1


def test_a_body_is_text_a_file_or_what_comes_in(api: Api, tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_bytes(b"\x00\xff{")
    for body, given in (('{"a": 1}', None), (f"@{file}", None), ("-", '{"b": 2}'), ("", None)):
        assert typed("send", "/v1/tickets", "--body", body, given=given).exit_code == 0
    assert [each.body for each in api.asked] == [b'{"a": 1}', b"\x00\xff{", b'{"b": 2}', b""]
    missing = typed("send", "/v1/tickets", "--body", f"@{tmp_path}/none")
    assert (missing.exit_code, "cannot be used: No such file" in missing.stderr) == (1, True)


def test_a_refusal_of_the_api_is_exit_code_1_with_its_words(api: Api) -> None:
    api.answers = [answer(400, {"message": "ticket_id is missing. \x1b[2J", "correlation_id": "c"})]
    done = typed("send", "/v1/tickets", "--body", "{}")
    assert done.exit_code == 1
    assert "400 Bad Request" in done.stdout
    assert "ticket_id is missing." in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["/v1/nothing"], "There is no route '/v1/nothing'"),
        (["change_ticket"], "needs its ticket_id"),
        (["change_ticket", "--path", "ticket_id"], "no value of a path"),
        (["/v1/tickets", "--path", "a=b"], "has no 'a'"),
        (["/v1/tickets", "--header", "Host: evil"], "is not for a person to say"),
        (["/v1/tickets", "--header", "X: a\r\nY: b"], "such as a line break"),
        (["/v1/tickets", "--api-url", "ftp://h"], "no API's URL"),
    ],
)
def test_what_makes_no_sense_is_exit_code_2_and_nothing_is_sent(
    api: Api, stage: Stage, words: list[str], sentence: str
) -> None:
    done = typed("send", *words)
    assert done.exit_code == 2, done.output
    assert sentence in done.stderr
    assert not api.asked
    assert not kept(stage)


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_the_screen(api: Api, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    api.answers = [answer(202, {"text": "word " * 60}, X_Correlation_Id="corr-1", Location="x" * 300)]
    file = io.StringIO()
    console = Terminal(file=file, force_terminal=True, no_color=True, width=width, height=200)
    for module in (screen, ops.cli.send):
        if hasattr(module, "out"):
            monkeypatch.setattr(module, "out", console)
    assert typed("send", "/v1/tickets").exit_code == 0
    shown = Text.from_ansi(file.getvalue()).plain
    assert "202 Accepted" in shown
    assert all(len(each.rstrip()) <= width for each in shown.splitlines()), shown
