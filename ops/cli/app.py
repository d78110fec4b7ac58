"""The command line: a thin skin over the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import typer

from ops.cli import look, message_files, observe, parked, redrive, replay, retire, verify
from ops.cli.group import Group
from ops.cli.options import hand_in, somewhere

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
Reach = Literal["nothing", "stages", "anything"]
COMMANDS: tuple[tuple[Callable[..., None], Reach], ...] = (
    (look.queues, "stages"),
    (look.dead, "anything"),
    (look.peek, "anything"),
    (parked.parked, "stages"),
    (observe.trace, "stages"),
    (observe.watch, "stages"),
    (observe.cost, "nothing"),
    (redrive.redrive, "anything"),
    (redrive.resume, "anything"),
    (redrive.status, "anything"),
    (redrive.cancel, "anything"),
    (replay.replay, "stages"),
    (replay.replays, "stages"),
    (message_files.export, "anything"),
    (message_files.drop, "anything"),
    (retire.retire, "stages"),
    (verify.verify, "stages"),
    (message_files.put_back, "anything"),
)
"""Every command, and what it reaches: nothing of AWS, only what is of a stage, or any queue."""
for command, reaches in COMMANDS:
    app.command("import" if command is message_files.put_back else None)(somewhere(command, reaches))
