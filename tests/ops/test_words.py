"""Shells complete queues, integrations, stages and causes without AWS, and before the command is imported."""

from __future__ import annotations

import pytest
import typer.main
from typer.testing import CliRunner

from ops.cli.app import app
from ops.words import ARGUMENTS, OPTIONS, answer
from tests.sample.topology import SAMPLE

VARIABLE = "_HEADRACE_COMPLETE"


def typed(shell: str, line: str) -> dict[str, str]:
    words = line.split(" ")
    if shell == "bash":
        return {VARIABLE: "complete_bash", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    return {VARIABLE: f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}


LINES = [
    "headrace redrive open_ticket-",
    "headrace redrive open_ticket --to assign_t",
    "headrace dead --queue assign_ticket-u",
    "headrace drop open_ticket --cause Gro",
    "headrace peek open_ticket --stage l",
    "headrace import ",
    "headrace retire a",
]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("line", LINES)
def test_words_are_told_at_once_as_the_command_itself_would(shell: str, line: str) -> None:
    told = answer(typed(shell, line), VARIABLE, SAMPLE)
    assert told
    slowly = CliRunner().invoke(app, [], prog_name="headrace", obj=SAMPLE, env=typed(shell, line))
    assert told == slowly.stdout.rstrip("\n")


@pytest.mark.parametrize(
    "line", ["headrace ", "headrace red", "headrace redrive --", "headrace redrive x y", "headrace"]
)
def test_what_else_is_asked_is_left_to_the_command(line: str) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert answer(typed(shell, line), VARIABLE, SAMPLE) is None


def test_the_options_and_arguments_are_those_of_the_commands() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name in ARGUMENTS:
        first = next(each for each in commands[name].params if each.param_type_name == "argument")
        assert first.name in ("queue", "integration", "what", "route", "type_", "name")
    options = {option for command in commands.values() for each in command.params for option in each.opts}
    assert OPTIONS.keys() <= options
