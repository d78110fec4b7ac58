"""Where there is no terminal, long work says every ten seconds how far it is; short work says nothing."""

from __future__ import annotations

import re
import time

import pytest

from ops.cli import progress
from ops.cli.progress import bar
from tests.ops.cli.typed import dead_tickets, ops
from tests.ops.endpoint import Endpoint


def test_long_work_writes_a_line_now_and_then_with_rate_and_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.05)
    monkeypatch.setattr(progress, "EVERY", 0.05)
    written: list[str] = []
    with bar("redriving", shown=True) as show:
        until(written, capsys, "nothing is done yet")
        show(1_200, 9_000)
        until(written, capsys, " left")
        show(1_200, 9_000, "waiting for 3 sent messages")
        for _ in range(3):
            until(written, capsys, "; waiting for 3 sent messages")
    assert written[0] == "redriving: nothing is done yet"
    assert any(re.fullmatch(r"redriving: 1,200 of 9,000, [\d,]+ a second, about \d+ s left", line) for line in written)
    assert written.count("Waiting for 3 sent messages.") == 1
    assert written[-1] == "redriving: 1,200 of 9,000; waiting for 3 sent messages"


def until(written: list[str], capsys: pytest.CaptureFixture[str], words: str) -> None:
    """Reads standard error until another line of it has these words."""
    end = time.monotonic() + 20
    had = len(written)
    while not any(words in line for line in written[had:]):
        assert time.monotonic() < end
        told = capsys.readouterr()
        assert told.out == ""
        written += told.err.splitlines()
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("command", "title"),
    [
        (["redrive", "open_ticket", "--rate", "40", "--yes"], "redriving: "),
        (["drop", "open_ticket", "--yes"], "dropping: "),
    ],
)
def test_commands_say_how_far_they_are_on_standard_error_but_not_beside_json(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, command: list[str], title: str
) -> None:
    dead_tickets(aws, 30)
    assert ops(*command).stderr == "", "short work"
    monkeypatch.setattr(progress, "FIRST", 0.001)
    monkeypatch.setattr(progress, "EVERY", 0.001)
    dead_tickets(aws, 30)
    assert title in ops(*command).stderr
    dead_tickets(aws, 30)
    assert ops(*command, "--json").stderr == ""
