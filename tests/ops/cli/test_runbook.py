"""The runbook and the alarms only say what can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from ops.cli.app import app
from ops.cli.screen import said
from ops.errors import CameBack, Interrupted, Kept, OpsError, UsageError

DOCS = Path(__file__).resolve().parents[3] / "docs"
TYPED = re.compile(r"python -m ops ([a-z][^#`\n]*)")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def typed(page: str) -> list[str]:
    """Every `python -m ops …` of a page, lines that go on joined."""
    text = (DOCS / page).read_text().replace("\\\n", " ")
    return [found.strip() for found in TYPED.findall(text)]


@pytest.mark.parametrize("page", ["runbook.md", "alarms.md"])
def test_every_command_and_option_of_the_page_exists(page: str) -> None:
    lines = typed(page)
    assert lines
    for line in lines:
        name, *words = shlex.split(line)
        assert name in COMMANDS, line
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_the_runbook_shows_every_command_that_has_to_do_with_dead_letters() -> None:
    shown = {line.split()[0] for line in typed("runbook.md")}
    others = {"watch", "cost", "scale", "verify", "schedules", "events"}
    assert COMMANDS.keys() - others <= shown


@pytest.mark.parametrize("error", [OpsError, UsageError, Kept, CameBack, Interrupted])
def test_every_exit_code_is_in_the_runbook(error: type[OpsError]) -> None:
    with pytest.raises(typer.Exit) as left, said():
        raise error("what happened")
    assert left.value.exit_code == error.code
    assert f"\n| {error.code} | " in (DOCS / "runbook.md").read_text()
