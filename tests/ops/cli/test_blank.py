"""A selector that is blank, as an unset variable of a script makes it, is an error and never means everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.dead_letters.export import drop, export
from ops.dead_letters.peek import peek
from ops.errors import UsageError
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint

BLANK = [
    *(["--ids", ""], ["--ids", " , "], ["--ids", ","], ["--cause", ""], ["--cause", "  "], ["--filter", ""]),
    *(["--filter", " "], ["--older-than", ""], ["--older-than", "0s"], ["--limit", "0"], ["--limit", "-1"]),
]
COMMANDS = [
    *(["redrive", "open_ticket", "--yes"], ["drop", "open_ticket", "--yes"], ["peek", "open_ticket"]),
    *(["redrive", "open_ticket"], ["drop", "open_ticket"], ["export", "open_ticket", "copy.jsonl"]),
]


def test_every_command_refuses_every_blank_selector_and_names_it(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    dead_tickets(aws, 2)
    for command in COMMANDS:
        for blank in BLANK:
            result = ops(*command, *blank)
            assert result.exit_code == 2, (command, blank)
            assert blank[0].removeprefix("--") in result.stderr
    assert (len(queue(aws, "open_ticket-dlq")), len(queue(aws, "open_ticket"))) == (2, 0)
    assert not (home / "copy.jsonl").exists()
    assert not list(home.rglob("audit.jsonl"))


@pytest.mark.parametrize("wrong", ["{0} {1}", "{0};{1}", "'{0}'", "{0}\u00a0{1}"])
def test_what_is_no_id_is_refused_and_an_id_that_no_message_has_is_told(aws: Endpoint, wrong: str) -> None:
    ids = dead_tickets(aws, 2)
    for command in (["redrive", "open_ticket"], ["drop", "open_ticket"]):
        refused = ops(*command, "--ids", wrong.format(*ids), "--yes")
        assert refused.exit_code == 2, refused.output
        assert "is no message id: separate ids by commas" in refused.stderr
        asked = ("--ids", f"{ids[0]},{ids[1].upper()},no-such")
        assert answer(*command, *asked)["not_seen"] == [ids[1].upper(), "no-such"]
        told = ops(*command, *asked).stdout
        assert f"2 of the ids were not seen in the queue: {ids[1].upper()}, no-such." in told
        assert "not seen" not in ops(*command, "--ids", ids[0]).stdout


@pytest.mark.parametrize("limit", [0, -1])
def test_the_library_refuses_a_limit_that_lets_nothing_through(aws: Endpoint, stage: Stage, limit: int) -> None:
    dead_tickets(aws, 2)
    for refuse in (
        lambda: redrive(stage, Request("open_ticket", limit=limit), yes=True),
        lambda: drop(stage, "open_ticket", yes=True, limit=limit),
        lambda: peek(stage, "open_ticket", limit=limit),
        lambda: export(stage, "open_ticket", stage.home / "copy.jsonl", limit=limit),
    ):
        with pytest.raises(UsageError, match="limit"):
            refuse()
    assert len(queue(aws, "open_ticket-dlq")) == 2
