"""The path of a request as a tree: beside each hop its outcome and times, or below it where the screen is narrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.cli.screen import fits, wrapped
from ops.observe.hops import COMMAND, Hop, began, ended, extent, hops, verdict
from ops.observe.request_path import Path
from ops.visible import one_line

READABLE = 40
"""Columns in which a sentence is still read with ease."""
TIED = "\u00a0"
"""A space at which no line ends."""


@dataclass(frozen=True)
class _Guided:
    """A row with the lines that join it to what it belongs to, and those that go on below it."""

    guide: str
    onward: str
    row: Hop


def tree(path: Path, width: int, where: Sequence[str] = ()) -> Group:
    """The path as a person reads it: what happened, how it ended, and how long each hop took.

    `width` are the columns of text there are: where they are too few the ids are left out, and then an outcome that
    has no room beside its hop stands below it. `where` are the options that say where the path is.
    """
    rows = hops(path)
    start = began(rows)
    guided = [*_guided(rows)]
    layouts = (_table(guided, start, ids=True), _table(guided, start, ids=False))
    slack = _slack([each.row for each in guided])
    table = next((table for table in layouts if fits(table, width + slack)), None)
    told = [table] if table is not None else [*_narrow(guided, start, width)]
    left = (
        Text(f"  {text}", "bold red") if tone == COMMAND else Text(text, tone) for text, tone in verdict(path, where)
    )
    return Group(_heading(path, start, rows, width), Text(), *told, Text(), *left)


def _table(guided: list[_Guided], start: int, *, ids: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("path", no_wrap=True)
    table.add_column("outcome")
    timed = any(each.row.handler for each in guided)
    for title in ("to queue", "to outcome", *(["handler"] if timed else []), "since start"):
        table.add_column(title, justify="right", no_wrap=True)
    if ids:
        table.add_column("message or event", style="dim", no_wrap=True)
    for each in guided:
        row = each.row
        cells: tuple[Text | str, ...] = (
            _head(each),
            Text(_outcome(row), row.tone),
            _span(row.waited),
            _span(row.took),
            *([row.handler] if timed else []),
            _since(row, start),
        )
        table.add_row(*cells, *([row.id] if ids else []))
        for frame in row.stack:
            table.add_row(Text(each.onward, "dim"), Text(frame, "dim"))
    return table


def _slack(rows: list[Hop]) -> int:
    """By how many columns the outcomes may be narrowed: to a readable width, and never inside a word."""
    told = [line for row in rows for line in (_outcome(row), *row.stack)]
    longest = max(map(cell_len, told), default=0)
    return max(longest - max(READABLE, *(cell_len(word) for line in told for word in line.split()), 0), 0)


def _narrow(guided: list[_Guided], start: int, width: int) -> Iterator[Text]:
    """What happened and when since the start; how it ended where there is room, else below."""
    for each in guided:
        row, outcome = each.row, _outcome(each.row)
        outcome += f", handler {row.handler}" if row.handler else ""
        since = _since(row, start).rjust(12)
        head = _head(each)
        long = head.cell_len
        room = width - long - len(since) - 2
        beside = Text(outcome, row.tone) if cell_len(outcome) <= room else Text()
        gap = Text(" " * max(width - long - 2 - beside.cell_len - len(since), 1))
        if long + len(since) <= width:
            yield Text.assemble(head, "  ", beside, gap, since)
        elif long <= width:
            yield head
        else:
            yield from (Text(line, row.what_tone) for line in wrapped(_what(row), width, each.guide, each.onward))
        below = [] if beside else wrapped(outcome, width, each.onward)
        for line in below if outcome else ():
            yield Text(line, row.tone)
        for frame in row.stack:
            yield from (Text(line, "dim") for line in wrapped(frame, width, each.onward))


def _heading(path: Path, start: int, rows: list[Hop], width: int) -> Text:
    first = datetime.fromtimestamp(start / 1000, UTC)
    id_ = one_line(path.correlation_id)
    took = f"{(ended(rows) - start) / 1000:.3f}{TIED}s from {first:%Y-%m-%d %H:%M:%S}{TIED}UTC"
    told = Text("\n".join(wrapped(f"{id_}  {extent(path)} in {took}", width)).replace(TIED, " "))
    told.stylize("bold", 0, len(id_))
    return told


def _guided(rows: list[Hop], trunk: str | None = None) -> Iterator[_Guided]:
    """The rows in order, causes before effects."""
    for number, row in enumerate(rows, start=1):
        last = number == len(rows)
        guide = "" if trunk is None else trunk + ("└─ " if last else "├─ ")
        below = "" if trunk is None else trunk + ("   " if last else "│  ")
        yield _Guided(guide, below + ("│  " if row.below else "  "), row)
        yield from _guided(row.below, below)


def _what(row: Hop) -> str:
    return f"↻ {row.what}" if row.again else row.what


def _outcome(row: Hop) -> str:
    return f"{row.outcome}, release {row.release}" if row.release else row.outcome


def _head(each: _Guided) -> Text:
    return Text.assemble((each.guide, "dim"), "↻ " if each.row.again else "", (each.row.what, each.row.what_tone))


def _since(row: Hop, start: int) -> str:
    return "" if row.at is None else f"+{(row.at - start) / 1000:.3f} s"


def _span(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.3f} s"
