"""The command line: a thin skin over the library."""

from __future__ import annotations

import typer

from ops.cli.group import Group
from ops.cli.options import hand_in

app = typer.Typer(
    cls=Group,
    help="See a stage at work, understand its dead letters, and redrive them.",
    epilog="Exit codes: 0 done; 1 AWS refused, or something is missing; 2 the command makes no sense; 3 some messages "
    "are still where they were; 4 most messages came straight back; 5 interrupted, resume goes on; "
    "6 verify saw something else than we assume of AWS.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.callback()(hand_in)
