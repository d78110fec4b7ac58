"""The command line: a thin skin over the library, which only reads arguments and shows answers.

Answers go to standard output, progress and errors to standard error. Nothing ever asks a question: what changes
something wants `--yes`. Exit codes are in `ops.errors`.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ops.depth import depths
from ops.errors import Interrupted, LeftBehind, OpsError
from ops.redrive import INTERRUPTED, Report
from ops.redrive import redrive as bring_home
from ops.stage import Stage

app = typer.Typer(
    help="See dead letters, understand them, and bring them home.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)


class StageName(enum.StrEnum):
    """The stages that can be asked for."""

    LOCAL = "local"
    DEV = "dev"
    PROD = "prod"


InStage = Annotated[StageName, typer.Option("--stage", envvar="HEADRACE_STAGE", help="Where the queues are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@contextmanager
def said() -> Iterator[None]:
    """Says an error in its one sentence and exits with its code."""
    try:
        yield
    except OpsError as error:
        err.print(str(error), style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(error.code) from None


@app.command()
def queues(stage: InStage = StageName.LOCAL, as_json: AsJson = False) -> None:
    """Every queue and dead-letter queue of the stage: what waits, what is in flight, and for how long.

    Example: python -m ops queues
    """
    with said():
        rows = depths(Stage.open(stage))
    if as_json:
        _print_json(rows)
        return
    table = Table("queue", "waiting", "in flight", "delayed", "oldest", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        style = "" if row.kind == "work" else "bold red" if row.waiting or row.in_flight else "dim"
        table.add_row(
            row.queue,
            f"{row.waiting:,}",
            f"{row.in_flight:,}",
            f"{row.delayed:,}",
            _age(row.oldest_seconds),
            style=style,
        )
    out.print(table)


@app.command()
def redrive(
    queue: Annotated[str, typer.Argument(help="A queue's word, name, URL or ARN; a work queue means its DLQ.")],
    yes: Annotated[bool, typer.Option("--yes", help="Move; without it nothing is changed.")] = False,
    to: Annotated[str | None, typer.Option(help="Another queue than the one they came from.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Move so many at the most.")] = None,
    stage: InStage = StageName.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Moves dead letters to where they came from: a dry run, unless you say --yes.

    Example: python -m ops redrive accept_order --yes
    """
    with said():
        with _bar(shown=yes and not as_json) as progress:
            report = bring_home(Stage.open(stage), queue, yes=yes, to=to, limit=limit, progress=progress)
        if as_json:
            _print_json(report)
        else:
            _show(report)
        if report.stopped == INTERRUPTED:
            raise Interrupted(f"Stopped after {report.moved:,} messages; the rest is where it was.")
        if report.refused or report.behind:
            raise LeftBehind(f"{sum(report.refused.values()) + report.behind:,} messages stayed where they were.")


def _show(report: Report) -> None:
    counts = ", ".join(f"{count:,} to {name}" for name, count in report.to.items())
    if report.acted:
        out.print(
            f"{report.moved:,} moved from {report.queue} in {report.seconds:.1f} s: {counts or 'nothing to move'}."
        )
    else:
        out.print(f"Would move {report.matched:,} from {report.queue}: {counts or 'nothing to move'}.")
    for reason, count in report.refused.items():
        out.print(f"{count:,} kept: {reason}.")
    if report.behind:
        out.print(f"{report.behind:,} kept, because a message before them in their group was kept.")
    if report.maybe_twice:
        out.print(f"At most {report.maybe_twice:,} may be there twice; consumers drop them by their idempotency key.")
    if not report.acted and report.matched:
        out.print("Say --yes to move them.", style="bold")


@contextmanager
def _bar(*, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not (shown and sys.stderr.isatty()), transient=True) as progress:
        task = progress.add_task("redriving", total=None)
        yield lambda done, of: progress.update(task, completed=done, total=max(done, of))


def _age(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _print_json(answer: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")
