"""Bringing messages home: `redrive`, `resume`, `status`, `cancel`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ops import native, runs
from ops.commands.options import (
    AsJson,
    Filter,
    Ids,
    InStage,
    Limit,
    OfCause,
    OlderThan,
    QueueName,
    StageName,
    selection,
)
from ops.commands.screen import bar, out, print_json, said, tell
from ops.connection import INTERRUPTED
from ops.errors import CameBack, Interrupted, LeftBehind, UsageError
from ops.mover import CAME_BACK
from ops.queue import find_dead
from ops.redrive import UNLIMITED, Report
from ops.redrive import redrive as bring_home
from ops.redrive import resume as go_on
from ops.stage import Stage


def redrive(
    queue: QueueName,
    yes: Annotated[bool, typer.Option("--yes", help="Move; without it nothing is changed.")] = False,
    to: Annotated[str | None, typer.Option(help="Another queue than the one they came from.")] = None,
    filter_: Filter = None,
    older_than: OlderThan = None,
    cause: OfCause = None,
    ids: Ids = None,
    limit: Limit = None,
    edit: Annotated[str | None, typer.Option(help="A JSON merge patch for the bodies; the originals are kept.")] = None,
    rate: Annotated[
        str, typer.Option(help="Messages a second, `max`, or `auto`: as many as the other side keeps up with.")
    ] = "auto",
    natively: Annotated[
        bool | None,
        typer.Option("--native/--no-native", help="Let AWS's own redrive move, or never; by default where it can."),
    ] = None,
    out_of_order: Annotated[
        bool, typer.Option("--out-of-order", help="FIFO: let messages pass those before them that stay.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Go on although most messages come straight back.")] = False,
    stage: InStage = StageName.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Moves dead letters to where they came from: a dry run, unless you say --yes.

    Example: python -m ops redrive accept_order --cause "unknown sku" --yes
    """
    with said():
        chosen, messages_a_second = selection(filter_, older_than, cause, ids), _rate(rate)
        with bar("redriving", shown=yes and not as_json) as progress:
            report = bring_home(
                Stage.open(stage),
                queue,
                yes=yes,
                to=to,
                selection=chosen,
                limit=limit,
                edit=edit,
                rate=messages_a_second,
                natively=natively,
                keep_order=not out_of_order,
                force=force,
                progress=progress,
            )
        _show(report, as_json=as_json)


def resume(
    run: Annotated[str | None, typer.Argument(metavar="REDRIVE", help="Without it, those that can go on.")] = None,
    stage: InStage = StageName.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Goes on with a redrive that was interrupted: nothing is sent a second time.

    Example: python -m ops resume 20261121-101500-3f2a
    """
    with said():
        opened = Stage.open(stage)
        if run is not None:
            with bar("redriving", shown=not as_json) as progress:
                report = go_on(opened, run, progress=progress)
            _show(report, as_json=as_json)
            return
        waiting = runs.unfinished(opened)
    rows = [
        {
            "redrive": each.path.stem,
            "queue": each.asked.get("queue"),
            "moved": each.moved,
            "undeleted": len(each.pending),
        }
        for each in waiting
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        tell(f"{row['redrive']}  {row['queue']}: {row['moved']:,} moved, {row['undeleted']:,} of them not deleted yet")
    if not rows:
        tell("Every redrive ended.")


def status(queue: QueueName, stage: InStage = StageName.LOCAL, as_json: AsJson = False) -> None:
    """AWS's own redrives from a dead-letter queue, the latest first.

    Example: python -m ops status accept_order --stage prod
    """
    with said():
        opened = Stage.open(stage)
        found = native.tasks(opened, find_dead(opened, queue))
    if as_json:
        print_json(found)
        return
    table = Table("started", "status", "moved", "of", "rate", "to", "failure", box=None, pad_edge=False)
    for task in found:
        to = task.destination.rsplit(":", 1)[-1] if task.destination else "where they came from"
        rate = f"{task.rate}/s" if task.rate else "auto"
        table.add_row(
            task.started_at, task.status, f"{task.moved:,}", f"{task.to_move:,}", rate, to, task.failure or ""
        )
    if found:
        out.print(table)
    else:
        tell("AWS remembers no redrive from this queue.")


def cancel(queue: QueueName, stage: InStage = StageName.LOCAL, as_json: AsJson = False) -> None:
    """Stops AWS's own redrive from a dead-letter queue; what was moved stays moved.

    Example: python -m ops cancel accept_order --stage prod
    """
    with said():
        opened = Stage.open(stage)
        moved = native.cancel(opened, find_dead(opened, queue))
    if as_json:
        print_json({"moved": moved})
    else:
        tell(f"Stopping; about {moved:,} messages were moved.")


def _rate(text: str) -> float | None:
    if text == "auto":
        return None
    if text == "max":
        return UNLIMITED
    try:
        rate = float(text)
    except ValueError:
        rate = 0
    if not 0 < rate < UNLIMITED:
        raise UsageError(f"--rate is {text!r}: give messages a second, `max` or `auto`.")
    return rate


def _show(report: Report, *, as_json: bool) -> None:
    """Shows what was done, and raises what the exit code must say."""
    if as_json:
        print_json(report)
    else:
        _tell(report)
    if report.stopped == INTERRUPTED:
        again = "" if report.native else f" `resume {report.run}` goes on."
        raise Interrupted(f"Stopped after {report.moved:,} messages; the rest is where it was.{again}")
    if report.stopped == CAME_BACK:
        raise CameBack(
            f"Stopped after {report.moved:,} messages, most of which came straight back. "
            "Mend the cause first, or say --force."
        )
    if report.acted and (report.refused or report.behind):
        raise LeftBehind(f"{sum(report.refused.values()) + report.behind:,} messages stayed where they were.")


def _tell(report: Report) -> None:
    counts = ", ".join(f"{count:,} to {name}" for name, count in report.to.items())
    if report.acted:
        by = " by AWS" if report.native else ""
        tell(
            f"{report.moved:,} moved from {report.queue}{by} in {report.seconds:.1f} s: {counts or 'nothing to move'}."
        )
    else:
        tell(f"Would move {report.matched:,} from {report.queue}: {counts or 'nothing to move'}.")
    for cause, count in report.causes.items():
        tell(f"  {count:>6,}  {cause}")
    for reason, count in report.refused.items():
        tell(f"{count:,} kept: {reason}.")
    if report.behind:
        tell(f"{report.behind:,} kept, because a message before them in their group is kept.")
    if report.locked:
        tell(f"{report.locked:,} were not looked at: SQS shows no more of a group while its first messages are kept.")
    if report.came_back:
        tell(f"{report.came_back:,} came straight back and were kept.")
    if report.maybe_twice:
        tell(f"At most {report.maybe_twice:,} may be there twice; consumers drop them by their idempotency key.")
    if report.undeleted:
        tell(f"{report.undeleted:,} are home and not deleted yet: `resume {report.run}` deletes them.")
    for changes in report.differences:
        tell(changes)
    if report.originals is not None:
        tell(f"The messages as they were: {report.originals}")
    if report.problem is not None:
        tell(report.problem, style="yellow")
    if not report.acted and report.matched:
        tell("Nothing was changed: say --yes to move them.", style="bold")
