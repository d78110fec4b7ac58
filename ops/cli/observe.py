"""Seeing a stage at work: `trace`, `watch`, `cost`."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.live import Live
from rich.text import Text

from ops.cli.bill import bill
from ops.cli.flow_frame import frame
from ops.cli.keys import ended_by
from ops.cli.options import AsJson, InStage, opened, topology, where
from ops.cli.request_tree import tree
from ops.cli.screen import out, print_json, said, sheet, tell
from ops.cost.costing import Costing
from ops.cost.memory import memory
from ops.cost.prices import Prices
from ops.cost.work import Assumptions
from ops.dead_letters.selection import seconds
from ops.errors import OpsError, UsageError
from ops.observe import trace as traces
from ops.observe.hops import TONES
from ops.observe.key import Found
from ops.observe.question import PATIENCE
from ops.observe.watch import Frame, Watch
from ops.visible import one_line
from stacks import names
from stacks.settings import SettingsError, read


def trace(
    id_: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A correlation id, a message id or an event id; or a key, as --key."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", help="What people call it: an order's number, a FIFO group, an Idempotency-Key."),
    ] = None,
    since: Annotated[str, typer.Option(help="How far back the logs are searched: 90s, 15m, 2h, 3d.")] = "1d",
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """The path of one request: every hop, attempt and event with its times, where it failed, and its redrives.

    It is put together from the logs, the dead-letter queues, the recorded causes and the records of redrives. A look
    into a dead-letter queue counts as a receive there and hides its messages for a moment. Where several requests have
    the key, they are listed, the latest first.

    Example: python -m ops trace 9a046ad6-0cb9-4120-8985-065864e900df
    Example: python -m ops trace --key ord-1001
    """
    with said():
        text = key if id_ is None else id_
        if text is None or (id_ is not None and key is not None):
            raise UsageError("Say an id, or --key with a key: one of the two.")
        found = traces.find(opened(stage), text, since=seconds(since), by_key=id_ is None)
    if as_json:
        print_json(found)
    elif isinstance(found, Found):
        _show_requests(found)
    else:
        out.print(tree(found, out.width, where()))


def _show_requests(found: Found) -> None:
    tell(f"{len(found.candidates):,} requests have the key {found.key}; `trace ID` shows one:")
    titles = ("request", "when (UTC)", "tenant", "queues", "outcome")
    rows = [
        (
            Text(one_line(each.id), "bold"),
            (
                Text(f"{datetime.fromtimestamp(each.at / 1000, UTC):%Y-%m-%d %H:%M:%S}"),
                Text(one_line(each.tenant or "-")),
                Text(one_line(", ".join(each.queues))),
                Text(each.outcome, TONES.get(each.outcome, "yellow")),
            ),
        )
        for each in found.candidates
    ]
    out.print(sheet(titles, rows, out.width))
    if found.unseen:
        tell(f"Not looked through, because they hold too much: {', '.join(found.unseen)}.", "yellow")


def watch(
    interval: Annotated[float, typer.Option(min=0.2, max=3600, help="Seconds between two looks.")] = 2,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end, as where nobody watches.")] = False,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """The whole flow, live: what comes in, waits, is done, fails and dies. `q` or Ctrl-C ends it.

    Counts of queues are of now; rates and ages are those of a minute, and where they are not known they read 0 and the
    last line says why. With --json, or where the output is no terminal, one frame is printed.

    Example: python -m ops watch
    """
    with said():
        lives = out.is_terminal and not (once or as_json)
        view = Watch(opened(stage), PATIENCE if lives else None)
        now = view.look()
        if as_json:
            print_json(now)
        elif lives:
            _live(view, now, interval)
        else:
            out.print(frame(now, topology(), out.width))


def _live(view: Watch, now: Frame, interval: float) -> None:
    """Shows frame after frame until `q` or Ctrl-C. What goes wrong on the way is said, and looked past."""
    first = frame(now, topology(), out.width)
    live = Live(first, console=out, screen=True, auto_refresh=False)
    with suppress(KeyboardInterrupt), ended_by("q") as ended:
        try:  # not `with live`: Ctrl-C while it starts would leave its screen behind
            live.start(refresh=True)
            while not ended(interval):
                problem = None
                try:
                    now = view.look()
                except OpsError as error:
                    problem = str(error)
                live.update(frame(now, topology(), out.width, problem), refresh=True)
        finally:
            live.stop()


def cost(
    per_million: Annotated[bool, typer.Option("--per-million", help="For a million messages: the default.")] = False,
    messages: Annotated[int | None, typer.Option(min=1, help="For so many messages instead.")] = None,
    fill: Annotated[float, typer.Option(min=1, max=10_000, help="Messages a batch, on average.")] = 5,
    size: Annotated[int, typer.Option(min=1, max=1_048_576, help="Bytes a message.")] = 1024,
    keyed: Annotated[float, typer.Option(min=0, max=1, help="The share of requests with an Idempotency-Key.")] = 1,
    region: Annotated[str, typer.Option(help="Whose price list, of those in ops/cost/prices.")] = "us-east-1",
    stage: InStage = names.STAGES[-1] if names.STAGES else "",
    as_json: AsJson = False,
) -> None:
    """What messages cost through each route and subscription, by service, and what other designs would cost.

    Nothing is asked of AWS: the topology, the stage's settings and a dated price list say it all.

    Example: python -m ops cost --per-million
    """
    with said():
        if per_million and messages is not None:
            raise UsageError("Say --per-million or --messages, not both.")
        try:
            settings = read(stage, names.CONTEXT["stages"])
        except SettingsError as error:
            raise UsageError(str(error)) from None
        assumed = Assumptions(fill=fill, size=size, keyed=keyed)
        costing = Costing(topology(), settings, Prices.of(region), messages or 1_000_000, assumed)
    if as_json:
        rows, memories = costing.rows(), memory(costing.topology, assumed)
        told = {"assumed": assumed, "prices": costing.prices, "rows": rows, "memory": memories}
        print_json({"messages": costing.messages, **told})
    else:
        out.print(bill(costing, out.width))
