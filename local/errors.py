"""What goes wrong on this machine, and how it is said."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from stacks.names import ROOT
from stacks.rules import TopologyError
from stacks.settings import SettingsError


class LocalError(RuntimeError):
    """The local stack cannot start or go on; the message says what to do."""


def stop_on_signal(*_: object) -> NoReturn:
    """End as Ctrl-C does, so that everything started is stopped."""
    raise KeyboardInterrupt


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn a `LocalError` into a sentence on standard error and exit code 1."""
    for sign in (signal.SIGINT, signal.SIGTERM):  # also where a shell started it with SIGINT ignored
        signal.signal(sign, stop_on_signal)
    try:
        yield
    except LocalError as error:
        from rich.console import Console

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print("[red]✗[/red] ", end="")
        console.print(str(error), markup=False)
        raise SystemExit(1) from None


@contextmanager
def imported() -> Iterator[None]:
    """Turn what the project's own modules raise as they are imported into a `LocalError` that says where and what."""
    try:
        yield
    except (TopologyError, SettingsError) as wrong:
        raise LocalError(str(wrong)) from None
    except SystemExit as ended:
        raise LocalError(f"{_place(ended)}it ends the process as it is imported (exit code {ended.code}).") from None
    except Exception as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise LocalError(f"{_place(error)}{type(error).__name__}: {what}") from None


def _place(error: BaseException) -> str:
    """The file and the line of the project that raised it; nothing where it was not the project's."""
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    elsewhere = (Path(sys.prefix), ROOT / "local")
    for name, line in reversed(lines):
        path = Path(name)
        if path.is_relative_to(ROOT) and not any(path.is_relative_to(folder) for folder in elsewhere):
            return f"{path.relative_to(ROOT)}, line {line}: "
    return ""
