"""A terminal, pipe or input of whatever encoding: nothing fails half-way, and JSON stays JSON."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from ops.cli.app import app
from tests.ops.cli.typed import explain, queue
from tests.ops.endpoint import Endpoint
from tests.sample.messages import ticket
from tests.sample.topology import SAMPLE

POLISH = "za\u017c\u00f3\u0142\u0107 \U0001f600"


def typed(encoding: str, *arguments: str, given: bytes | None = None) -> Result:
    runner = CliRunner(charset=encoding)
    return runner.invoke(app, [*arguments], input=given, obj=SAMPLE, env={"COLUMNS": "200"})


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_an_answer_in_another_encoding_is_whole(aws: Endpoint, encoding: str) -> None:
    explain(aws, aws.put(queue(aws, "open_ticket-dlq"), json.dumps({"subject": POLISH}, ensure_ascii=False)))
    as_json = typed(encoding, "peek", "open_ticket", "--json")
    assert as_json.exit_code == 0, as_json.output
    assert POLISH in json.dumps(json.loads(as_json.stdout), ensure_ascii=False)
    for command in (
        ("peek", "open_ticket"),
        ("queues",),
        ("dead",),
        ("redrive", "open_ticket", "--yes"),
        ("peek", POLISH),
    ):
        result = typed(encoding, *command)
        assert result.exit_code == (2 if POLISH in command else 0), result.output
        assert not result.exception or isinstance(result.exception, SystemExit)
    refused = typed(encoding, "peek", POLISH, "--json")
    assert POLISH in json.loads(refused.stdout)["error"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_an_edit_is_utf_8_wherever_it_comes_from(aws: Endpoint, tmp_path: Path, mark: bytes) -> None:
    patch = mark + json.dumps({"note": POLISH}, ensure_ascii=False).encode()
    (tmp_path / "patch.json").write_bytes(patch)
    for edit in ("-", f"@{tmp_path / 'patch.json'}"):
        aws.put(queue(aws, "open_ticket-dlq"), msgspec.json.encode(ticket()).decode())
        result = typed("latin-1", "redrive", "open_ticket", "--edit", edit, "--yes", "--force", given=patch)
        assert result.exit_code == 0, result.output
        assert json.loads(list(queue(aws, "open_ticket").arrived)[-1])["note"] == POLISH
    wrong = typed("utf-8", "redrive", "open_ticket", "--edit", "-", given=b"\xff{}")
    assert (wrong.exit_code, wrong.stderr.strip()) == (2, "The edit cannot be read: it is not UTF-8.")
