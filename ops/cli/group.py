"""The commands as one: what holds for each of them, also for what its options do not allow."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from ops.cli.commands import Commands, as_given
from ops.cli.screen import begin, said
from ops.errors import UsageError


class Group(TyperGroup):
    """Where `--json` is asked for, errors are JSON too, those of the options included."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.commands = Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, for which none is imported."""
        return list(self.commands)

    def main(self, args: Sequence[str] | None = None, *given: Any, **more: Any) -> Any:
        """Runs the command that the arguments name, and exits."""
        arguments = list(args if args is not None else sys.argv[1:])
        as_json = "--json" in arguments
        begin(as_json=as_json)
        if not as_json:
            return super().main(arguments, *given, **more)
        try:
            with said():
                try:
                    code = super().main(arguments, *given, **{**more, "standalone_mode": False})
                except typer.TyperException as error:
                    raise UsageError(error.format_message()) from None
        except typer.Exit as ended:
            code = ended.exit_code
        sys.exit(code if isinstance(code, int) else 0)

    def get_params(self, ctx: Any) -> Any:
        """The parameters of all commands, that for help among them."""
        return as_given(super().get_params(ctx))

    def make_context(self, *given: Any, **more: Any) -> Any:
        """Reads the arguments; Ctrl-C is said here too, which typer answers with 130 and no word."""
        with said():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; Ctrl-C before or after its own work is said too."""
        with said():
            return super().invoke(ctx)
