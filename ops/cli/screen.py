"""How answers, errors and progress look.

Answers go to standard output, errors and progress to standard error. Nothing ever asks a question: what changes
something wants `--yes`. Exit codes are those of `ops.errors`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from io import TextIOWrapper
from itertools import zip_longest
from typing import Any, TextIO

import msgspec
import typer
from rich.cells import cell_len, chop_cells
from rich.console import Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ops.cli.terminal import Terminal
from ops.errors import Interrupted, OpsError
from ops.visible import one_line, visible_json

out = Terminal()
err = Terminal(stderr=True)
UNBOUNDED = 10_000
"""Columns that no table needs."""
INSET = " " * 6
"""How a sentence goes on that is longer than the screen: no line of an answer begins like this."""
_json_asked: ContextVar[bool] = ContextVar("json_asked", default=False)
_answered: ContextVar[bool] = ContextVar("answered", default=False)
LEAST = 8
"""Columns that a line has beside its prefix, however narrow the screen."""


def begin(*, as_json: bool) -> None:
    """Begins a command, whose errors are JSON too if its answer is; what no encoding can say is said by escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _json_asked.set(as_json)
    _answered.set(False)


@contextmanager
def said(stopped: str = "Stopped at once. Nothing is lost; `resume` shows what can go on.") -> Iterator[None]:
    """Says an error in its one sentence, and exits with its code; `stopped` is that of Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        _say(stopped, Interrupted.code)
    except OpsError as error:
        _say(str(error), error.code)
    except OSError as error:
        _say(f"{error.filename or 'A file'} cannot be used: {error.strerror}.", OpsError.code)


def _say(sentence: str, code: int) -> None:
    """With `--json` an object, on standard error if there is an answer already; else the sentence."""
    if _json_asked.get():
        told = msgspec.json.encode({"error": sentence, "exit_code": code}).decode()
        write_json(told, sys.stderr if _answered.get() else sys.stdout)
        raise typer.Exit(code) from None
    sentence = one_line(sentence)
    for line in wrapped(sentence, err.width, more=INSET) if err.is_terminal else [sentence]:
        err.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code) from None


def tell(text: str, style: str = "", prefix: str = "", more: str | None = None) -> None:
    """Prints one line of text as it is, after `prefix`: what messages say is never taken for markup or for a line.

    On a terminal a long line goes on after `more`: where nothing is said, beside the prefix or deeper than it began, so
    that no part of it looks like a line of its own.
    """
    _print(_told(text, prefix, more), style)


def tell_lines(text: str, style: str = "", prefix: str = "") -> None:
    """Prints each line of the text, and each part of a long one, after `prefix`; only a newline ends one."""
    lines = text.removesuffix("\n").split("\n")
    _print([part for line in lines for part in _told(line, prefix, prefix or None)], style)


def _told(text: str, prefix: str, more: str | None) -> list[str]:
    line = one_line(text)
    if more is None:
        more = " " * (cell_len(prefix) or len(line) - len(line.lstrip(" ")) + 2)
    return wrapped(line, out.width, prefix, more) if out.is_terminal else [prefix + line]


def _print(lines: list[str], style: str) -> None:
    out.print("\n".join(lines), style=style, highlight=False, markup=False, soft_wrap=True)


def tell_aside(text: str) -> None:
    """Prints a sentence about the answer beside it, on standard error."""
    text = one_line(text)
    for line in wrapped(text, err.width, more=INSET) if err.is_terminal else [text]:
        err.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)


def wrapped(text: str, width: int, prefix: str = "", more: str | None = None) -> list[str]:
    """The text in lines of at most `width` columns, broken between words: an id or a path stays whole if it can.

    The first line begins with `prefix`, those that follow with `more`. What is longer than a line is broken inside,
    after a slash or colon if there is one, so that the terminal does not do it, which knows no prefix.
    """
    body = text.lstrip(" ")
    first = prefix + text[: len(text) - len(body)]
    more = first if more is None else more
    room = max(width - max(cell_len(first), cell_len(more)), LEAST)
    lines: list[str] = []
    line, start = first, first
    for word in body.split(" "):
        for number, part in enumerate(_parts(word, room)):
            if line != start and (number or cell_len(line) + 1 + cell_len(part) > width):
                lines.append(line)
                line = start = more
            line += part if line == start else f" {part}"
    return [*lines, line]


def _parts(word: str, room: int) -> list[str]:
    """The word, or parts of it of at most `room` columns."""
    if cell_len(word) <= room:
        return [word]
    parts: list[str] = []
    at = 0
    while at < len(word):
        part = chop_cells(word[at : at + room], room)[0]
        cut = 1 + max(part.rfind(sign) for sign in "/:")
        if at + len(part) < len(word) and 2 * cut > len(part):
            part = part[:cut]
        parts.append(part)
        at += len(part)
    return parts


def print_json(answer: Any) -> None:
    """Prints the answer for scripts."""
    _answered.set(True)
    write_json(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode(), sys.stdout)


def write_json(text: str, stream: TextIO) -> None:
    """Writes the JSON text as a line, in ASCII where the stream's encoding does not have every character."""
    utf = (stream.encoding or "utf-8").lower().startswith("utf")
    stream.write(visible_json(text, ascii_only=not utf) + "\n")


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
