"""Seeing a stage at work: `trace`, `watch`, `cost`."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.commands.options import AsJson, InStage, StageName
from ops.commands.screen import out, print_json, said
from ops.commands.tree import tree
from ops.selection import seconds
from ops.stage import Stage
from ops.trace import trace as follow


def trace(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A correlation id, a message id or an event id.")],
    since: Annotated[str, typer.Option(help="How far back the logs are searched: 90s, 15m, 2h, 3d.")] = "1d",
    stage: InStage = StageName.LOCAL,
    as_json: AsJson = False,
) -> None:
    """The path of one request: every hop, try and event with its times, where it failed, and how it was brought home.

    Example: python -m ops trace 9a046ad6-0cb9-4120-8985-065864e900df
    """
    with said():
        path = follow(Stage.open(stage), id_, since=seconds(since))
    if as_json:
        print_json(path)
    else:
        out.print(tree(path, out.width))
