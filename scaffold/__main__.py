"""`python -m scaffold`: a new integration, subscriber or schedule, written as by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from scaffold import draft
from scaffold.changes import Files, tried, write
from scaffold.errors import Failed
from scaffold.plan import New
from scaffold.report import report
from stacks.entry import Topology
from stacks.names import ROOT
from stacks.rules import TopologyError

app = typer.Typer(
    help="Write a new integration, subscriber or schedule: contract, function, test, its entry in the map, pages.",
    epilog="Exit codes: 0 written; 1 it does not work; 2 the words make no sense, and nothing was changed.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Publishes = Annotated[
    list[str] | None, typer.Option(metavar="EVENT", help="The event that follows, in CamelCase; repeat it for more.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")]


@app.command()
def integration(
    name: Annotated[str, typer.Argument(help="Lower-case words and hyphens, such as gift-cards.")],
    route: Annotated[str, typer.Option(help="Method and path, such as 'POST /v1/orders/{order_id}/returns'.")],
    publishes: Publishes = None,
    fifo: Annotated[bool, typer.Option("--fifo", help="Keep the order within a group.")] = False,
    group: Annotated[
        str | None, typer.Option(metavar="PARAMETER", help="The path parameter that is the group.")
    ] = None,
    command: Annotated[
        str | None, typer.Option(metavar="COMMAND", help="What a request is called; NAME and Request, without it.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Write an integration whose route stores each request once and publishes what follows."""
    _write(
        lambda topology: draft.integration(
            topology, name, route=route, publishes=publishes or (), fifo=fifo, group=group, command=command
        ),
        dry_run,
    )


@app.command()
def subscriber(
    name: Annotated[str, typer.Argument(help="What it does, in lower-case words and hyphens, such as print-card.")],
    on: Annotated[str, typer.Option(metavar="EVENT", help="The event that it hears, which the map publishes.")],
    publishes: Publishes = None,
    integration: Annotated[
        str | None, typer.Option(metavar="NAME", help="The integration that it joins; one of its own, without it.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Write a subscriber that notes each event once and may publish what follows."""
    _write(
        lambda topology: draft.subscriber(topology, name, on=on, publishes=publishes or (), integration=integration),
        dry_run,
    )


@app.command()
def schedule(
    name: Annotated[str, typer.Argument(help="What each run does, in lower-case words and hyphens: write-report.")],
    every: Annotated[str, typer.Option(help="When: 'rate(5 minutes)', or 'cron(0 6 ? * MON-FRI *)'.")],
    timezone: Annotated[str, typer.Option(help="By whose clock a cron runs, such as Europe/Berlin.")] = "UTC",
    skip: Annotated[bool, typer.Option("--skip", help="Skip a run while the one before is not over.")] = False,
    integration: Annotated[
        str | None, typer.Option(metavar="NAME", help="The integration that it joins; one of its own, without it.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Write a schedule, and the queue and the function of its runs, which notes each once."""
    _write(
        lambda topology: draft.schedule(
            topology, name, every=every, timezone=timezone, skip=skip, integration=integration
        ),
        dry_run,
    )


def _write(drafted: Callable[[Topology], tuple[New, Files]], dry_run: bool) -> None:
    try:
        from stacks.topology import TOPOLOGY  # here, because it is checked as it is imported

        new, files = drafted(TOPOLOGY)
        changes = tried(files)
    except (Failed, TopologyError) as failed:
        print(failed, file=sys.stderr)
        raise typer.Exit(getattr(failed, "code", Failed.code)) from None
    said = report(new, changes, dry=dry_run)
    if not dry_run:
        write(ROOT, changes)
    print(said)


if __name__ == "__main__":
    app(prog_name="python -m scaffold")
