"""The arguments and options that several commands have."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from ops.selection import Selection, seconds


class StageName(enum.StrEnum):
    """The stages that can be asked for."""

    LOCAL = "local"
    DEV = "dev"
    PROD = "prod"


InStage = Annotated[StageName, typer.Option("--stage", envvar="HEADRACE_STAGE", help="Where the queues are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
QueueName = Annotated[
    str, typer.Argument(metavar="QUEUE", help="A queue's word, name, URL or ARN; a work queue means its DLQ.")
]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        help="JMESPath over body, attributes, cause, system and message_id, such as \"body.currency == 'EUR'\".",
    ),
]
OlderThan = Annotated[str | None, typer.Option(help="Only messages sent longer ago than 90s, 15m, 2h or 3d.")]
OfCause = Annotated[str | None, typer.Option("--cause", help="Only messages whose cause has these words in it.")]
Ids = Annotated[str | None, typer.Option("--ids", help="Only these message ids, separated by commas.")]
Limit = Annotated[int | None, typer.Option(min=1, help="So many messages at the most.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="One JSON object a line.")]


def selection(filter_: str | None, older_than: str | None, cause: str | None, ids: str | None) -> Selection:
    """The selection that the options make. Raises `UsageError` for one that makes no sense."""
    return Selection(
        filter_,
        seconds(older_than) if older_than is not None else None,
        cause,
        tuple(id_.strip() for id_ in ids.split(",") if id_.strip()) if ids is not None else (),
    )
