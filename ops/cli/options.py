"""The arguments and options that several commands have."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

import typer

from ops.cli.screen import said
from ops.dead_letters.selection import Selection, seconds
from ops.errors import UsageError
from ops.stage import Stage
from stacks import names
from stacks.entry import Topology


def _stage(name: str) -> str:
    if name not in names.STAGES:
        with said():
            raise UsageError(f"There is no stage {name!r} in cdk.json; there is: {', '.join(names.STAGES)}.")
    return name


InStage = Annotated[
    str,
    typer.Option(
        "--stage",
        envvar="HEADRACE_STAGE",
        parser=_stage,
        metavar="STAGE",
        help=f"One of cdk.json's: {', '.join(names.STAGES)}.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
QueueName = Annotated[
    str, typer.Argument(metavar="QUEUE", help="A queue's word, name, URL or ARN; a work queue means its DLQ.")
]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        help="JMESPath over body, attributes, cause, system and message_id, such as \"body.language == 'EN'\".",
    ),
]
OlderThan = Annotated[str | None, typer.Option(help="Only messages sent longer ago than 90s, 15m, 2h or 3d.")]
OfCause = Annotated[str | None, typer.Option("--cause", help="Only messages whose cause has these words in it.")]
Ids = Annotated[str | None, typer.Option("--ids", help="Only these message ids, separated by commas.")]
Limit = Annotated[int | None, typer.Option(min=1, help="So many messages at the most.")]
Alone = Annotated[
    bool,
    typer.Option(
        "--alone", help="Go on although the table that says who works on a queue cannot be asked: nobody else does."
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="One JSON object a line.")]


_handed: ContextVar[Topology] = ContextVar("topology")


def hand_in(context: typer.Context) -> None:
    """Keep the topology that the door started the command with, for as long as the command runs."""
    _handed.set(context.find_object(Topology) or Topology())


def topology() -> Topology:
    """What exists, as the door that started the command handed it in."""
    return _handed.get()


def opened(stage: str) -> Stage:
    """The stage of that name. Raises `OpsError` where it cannot be reached."""
    return Stage.open(stage, topology())


def selection(filter_: str | None, older_than: str | None, cause: str | None, ids: str | None) -> Selection:
    """The selection that the options make. Raises `UsageError` for one that makes no sense, or is blank."""
    for option, value in (("--filter", filter_), ("--older-than", older_than), ("--cause", cause), ("--ids", ids)):
        if value is not None and not value.replace("," if option == "--ids" else "", "").strip():
            raise UsageError(f"{option} is blank: give it a value, or leave it out to mean everything.")
    return Selection(
        filter_,
        seconds(older_than) if older_than is not None else None,
        cause,
        tuple(id_.strip() for id_ in ids.split(",") if id_.strip()) if ids is not None else None,
    )
