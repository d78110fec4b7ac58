"""Seeing a stage at work: `trace`, `watch`, `cost`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ops.commands.bill import bill
from ops.commands.options import AsJson, InStage, StageName
from ops.commands.screen import out, print_json, said
from ops.commands.tree import tree
from ops.cost import Assumptions, Costing
from ops.errors import UsageError
from ops.prices import Prices
from ops.selection import seconds
from ops.stage import Stage
from ops.trace import trace as follow
from stacks.settings import read
from stacks.topology import TOPOLOGY

CDK = Path(__file__).resolve().parents[2] / "cdk.json"


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


def cost(
    per_million: Annotated[bool, typer.Option("--per-million", help="For a million messages: the default.")] = False,
    messages: Annotated[int | None, typer.Option(min=1, help="For so many messages instead.")] = None,
    fill: Annotated[float, typer.Option(min=1, max=10_000, help="Messages a batch, on average.")] = 5,
    size: Annotated[int, typer.Option(min=1, max=1_048_576, help="Bytes a message.")] = 1024,
    region: Annotated[str, typer.Option(help="Whose price list, of those in ops/prices.")] = "us-east-1",
    stage: InStage = StageName.PROD,
    as_json: AsJson = False,
) -> None:
    """What messages cost through each route and subscription, by service, and what other designs would cost.

    Nothing is asked of AWS: the topology, the stage's settings and a dated price list say it all.

    Example: python -m ops cost --per-million
    """
    with said():
        if per_million and messages is not None:
            raise UsageError("Say --per-million or --messages, not both.")
        settings = read(stage, json.loads(CDK.read_text(encoding="utf-8"))["context"]["stages"])
        assumed = Assumptions(fill=fill, size=size)
        costing = Costing(TOPOLOGY, settings, Prices.of(region), messages or 1_000_000, assumed)
    if as_json:
        print_json({"messages": costing.messages, "assumed": assumed, "prices": costing.prices, "rows": costing.rows()})
    else:
        out.print(bill(costing))
