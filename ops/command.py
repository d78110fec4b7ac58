"""The command line: a thin skin over the library."""

from __future__ import annotations

import typer

from ops.commands import keep, look, move, sight

app = typer.Typer(
    help="See a stage at work, understand its dead letters, and bring them home.",
    epilog="Exit codes: 0 done; 1 AWS refused, or something is missing; 2 the command makes no sense; 3 some messages "
    "stayed where they were; 4 most messages came straight back; 5 interrupted, resume goes on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    look.queues,
    look.dead,
    look.peek,
    sight.trace,
    sight.watch,
    sight.cost,
    move.redrive,
    move.resume,
    move.status,
    move.cancel,
    keep.export,
    keep.drop,
):
    app.command()(command)
app.command("import")(keep.put_back)
