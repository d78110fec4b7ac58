"""How answers, errors and progress look.

Answers go to standard output, errors and progress to standard error. Nothing ever asks a question: what changes
something wants `--yes`. Exit codes are those of `ops.errors`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ops.errors import Interrupted, OpsError

out = Console()
err = Console(stderr=True)


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
    err.print(sentence, style="red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code) from None


def tell(text: str, style: str = "") -> None:
    """Prints a line as it is: what messages say is never taken for markup."""
    out.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def print_json(answer: Any) -> None:
    """Prints the answer for scripts."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n")


@contextmanager
def bar(title: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, where standard error is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not (shown and sys.stderr.isatty()), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=max(done, of))


def span(seconds: float | None) -> str:
    """A span of time in its largest unit, `-` where it is not known."""
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
