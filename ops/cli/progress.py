"""How far long work is: a bar on a terminal, elsewhere a line every ten seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from ops.cli.screen import err, tell_aside
from ops.span import span

FIRST = 5.0
"""Seconds after which the first line is written: short work has none."""
EVERY = 10.0
"""Seconds between two lines."""


class Shown(Protocol):
    """Takes how many messages are done, how many there are, and what is waited for, if something is."""

    def __call__(self, done: int, of: int, note: str = "") -> None:
        """Shows it."""


@contextmanager
def bar(title: str, *, shown: bool) -> Iterator[Shown]:
    """A progress bar where standard error is a terminal, elsewhere lines there, unless nothing is to be `shown`."""
    if not shown:
        yield _nothing
    elif sys.stderr.isatty():
        with _bar(title) as show:
            yield show
    else:
        lines = _Lines(title)
        writer = threading.Thread(target=lines.write, daemon=True)
        writer.start()
        try:
            yield lines
        finally:
            lines.over.set()
            writer.join()


def _nothing(done: int, of: int, note: str = "") -> None:
    """Shows nothing."""


@contextmanager
def _bar(title: str) -> Iterator[Shown]:
    # Where there is no terminal it is not needed, and takes its time to import.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(title, total=None)

        def show(done: int, of: int, note: str = "") -> None:
            progress.update(task, completed=done, total=max(done, of), description=note or title)

        yield show


class _Lines:
    """What is written where nobody sees a bar: also while nothing is done, with what is waited for."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._done = self._of = 0
        self._note = ""
        self.over = threading.Event()

    def __call__(self, done: int, of: int, note: str = "") -> None:
        """Takes how far it is. What is waited for is said at once, the first time."""
        if note and not self._note:
            tell_aside(f"{note[0].upper()}{note[1:]}.")
        self._done, self._of, self._note = done, max(done, of), note

    def write(self) -> None:
        """Writes lines until it is over."""
        before, since = 0, time.monotonic()
        pause = FIRST
        while not self.over.wait(pause):
            done, now = self._done, time.monotonic()
            rate = (done - before) / (now - since)
            tell_aside(self._line(done, rate))
            before, since, pause = done, now, EVERY

    def _line(self, done: int, rate: float) -> str:
        left = self._of - done
        parts = [f"{self._title}: {done:,} of {self._of:,}" if self._of else f"{self._title}: nothing is done yet"]
        if rate:
            parts.append(f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second")
            if left > 0:
                parts.append(f"about {span(left / rate)} left")
        return ", ".join(parts) + (f"; {self._note}" if self._note else "")
