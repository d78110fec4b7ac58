"""How answers, errors and progress look.

Answers go to standard output, errors and progress to standard error. Nothing ever asks a question: what changes
something wants `--yes`. Exit codes are those of `ops.errors`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import msgspec
import typer
from rich.console import Group
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ops.cli.visible import Terminal, visible, visible_json
from ops.errors import Interrupted, OpsError

out = Terminal()
err = Terminal(stderr=True)
UNBOUNDED = 10_000
"""Columns that no table needs."""


@contextmanager
def said() -> Iterator[None]:
    """Says an error in its one sentence, and exits with its code."""
    try:
        yield
    except KeyboardInterrupt:
        _say("Stopped at once. Nothing is lost; `resume` shows what can go on.", Interrupted.code)
    except OpsError as error:
        _say(str(error), error.code)


def _say(sentence: str, code: int) -> None:
    sentence = visible(sentence)
    for line in wrapped(sentence, err.width) if err.is_terminal else [sentence]:
        err.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code) from None


def tell(text: str, style: str = "", prefix: str = "") -> None:
    """Prints one line of text as it is, after `prefix`: what messages say is never taken for markup or for a line.

    On a terminal a long line is wrapped between words: below the prefix, or deeper than it began, so that no part of it
    looks like a line of its own.
    """
    line = visible(text).replace("\n", "\\n").replace("\t", "\\t")
    more = None if prefix else " " * (len(line) - len(line.lstrip(" ")) + 2)
    for part in wrapped(line, out.width, prefix, more) if out.is_terminal else [prefix + line]:
        out.print(part, style=style, highlight=False, markup=False, soft_wrap=True)


def tell_lines(text: str, style: str = "", prefix: str = "") -> None:
    """Prints each line of the text after `prefix`."""
    for line in text.splitlines() or [""]:
        tell(line, style, prefix)


def tell_aside(text: str) -> None:
    """Prints a sentence about the answer beside it, on standard error."""
    for line in wrapped(text, err.width) if err.is_terminal else [text]:
        err.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)


def wrapped(text: str, width: int, prefix: str = "", more: str | None = None) -> list[str]:
    """The text in lines of at most `width` columns, broken between words only: an id or a path stays whole.

    The first line begins with `prefix`, those that follow with `more`, or less of it where a word has no room then.
    """
    body = text.lstrip(" ")
    first = prefix + text[: len(text) - len(body)]
    more = first if more is None else more
    lines: list[str] = []
    line, start = first, first
    for word in body.split(" "):
        if line != start and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = start = more[: max(width - len(word), 0)]
        line += word if line == start else f" {word}"
    return [*lines, line]


def print_json(answer: Any) -> None:
    """Prints the answer for scripts."""
    sys.stdout.write(visible_json(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()) + "\n")


@contextmanager
def bar(title: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, where standard error is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not (shown and sys.stderr.isatty()), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=max(done, of))


def fits(table: Table, width: int) -> bool:
    """Whether so many columns of text show the table whole: nothing wrapped, nothing cut off."""
    return Measurement.get(out, out.options.update(max_width=UNBOUNDED), table).maximum <= width


Line = tuple[Text, Sequence[Text]]
"""What a line is about, and its figures."""


def sheet(titles: Sequence[str], lines: Sequence[Line], width: int) -> Table | Group:
    """A table of figures; where `width` columns of text are too few, what a line is about stands above its figures."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, title in enumerate(titles):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for name, figures in lines:
        table.add_row(name, *figures)
    if fits(table, width):
        return table
    heads = [title.split("\n") for title in titles[1:]]
    sizes = [
        max(len(part) for part in (*head, *(figures[at].plain for _, figures in lines if figures)))
        for at, head in enumerate(heads)
    ]
    above = [
        " ".join(f"{part:>{size}}" for part, size in zip(parts, sizes, strict=True))
        for parts in zip_longest(*heads, fillvalue="")
    ]
    told = [Text(f"  {part}", "bold") for part in above]
    for name, figures in lines:
        told.append(name)
        if figures:
            padded = [Text(" " * (size - len(cell))) + cell for cell, size in zip(figures, sizes, strict=True)]
            told.append(Text("  ") + Text(" ").join(padded))
    return Group(*told)


def span(seconds: float | None) -> str:
    """A span of time in its largest unit, `-` where it is not known."""
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
