"""What all people did: `history`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.cli import completion
from ops.cli.options import AsJson, InStage, opened
from ops.cli.screen import fits, out, print_json, said, tell, wrapped
from ops.dead_letters.selection import seconds
from ops.history import Entry, Wanted, outcome, short
from ops.history import history as told
from ops.visible import one_line
from stacks import names


def history(
    queue: Annotated[
        str | None, typer.Option("--queue", autocompletion=completion.QUEUES, help="Only what was done to this queue.")
    ] = None,
    who: Annotated[
        str | None, typer.Option("--who", help="Only what somebody with this in their name or machine did.")
    ] = None,
    action: Annotated[str | None, typer.Option("--action", help="Only this, such as redrive or drop.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what began in the last 90s, 15m, 2h or 3d.")] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="PLACE", help="Go on where an earlier answer ended.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many records at the most.")] = 50,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """What people did with messages and schedules, from every machine: the latest first, and what became of it.

    Without a stage, or where its table cannot be asked, what was done from this machine.

    Example: python -m ops history --who ada --since 7d --stage prod
    """
    with said():
        wanted = Wanted(
            queue=queue,
            who=who,
            action=action,
            since=seconds(since) if since is not None else None,
            before=before,
        )
        found = told(opened(stage), wanted, limit=limit)
    if as_json:
        print_json(found)
        return
    if found.entries:
        out.print(_table(found.entries, out.width))
    else:
        tell(f"Nothing is on record{'' if found.more is None else f' in the latest {found.looked:,}'}.")
    if found.more is not None:
        tell(f'There is more: say --before "{found.more}".', style="dim")
    if found.problem is not None:
        tell(found.problem, style="yellow")


def _table(entries: list[Entry], width: int) -> Table | Group:
    """A line a record; where the screen is narrow, two."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("when (UTC)", "what", "queue", "who", "machine", "result", "record"):
        table.add_column(title, no_wrap=True)
    for each in entries:
        table.add_row(*_cells(each))
    if fits(table, width):
        return table
    lines: list[Text] = []
    for each in entries:
        when, what, queue, who, host, result, id_ = _cells(each)
        head = f"{when.plain}  {what.plain} {queue.plain}: {result.plain}"
        lines += [Text(line, result.style) for line in wrapped(head, width, more=" " * 6)]
        lines += [Text(line, "dim") for line in wrapped(f"{who.plain} on {host.plain}, {id_.plain}", width, " " * 6)]
    return Group(*lines)


def _cells(each: Entry) -> tuple[Text, ...]:
    said_, tone = outcome(each)
    when = datetime.fromisoformat(each.started_at)
    return (
        Text(f"{when:%Y-%m-%d %H:%M:%S}"),
        Text(one_line(each.action)),
        Text(one_line(each.queue)),
        Text(one_line(short(each.who))),
        Text(one_line(each.host), "dim"),
        Text(one_line(said_), tone),
        Text(one_line(each.id), "dim"),
    )
