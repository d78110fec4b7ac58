"""Keys as they are pressed, without the Return key, and a terminal that is afterwards as it was."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Wait = Callable[[float], bool]


@contextmanager
def ended_by(key: str) -> Iterator[Wait]:
    """A wait of so many seconds that `key` cuts short: it answers whether the key was pressed, or nobody can any more.

    Ctrl-C stays what it is. Where standard input is no terminal the wait is just that.
    """
    if not sys.stdin.isatty():
        yield _slept
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield lambda seconds: _pressed(terminal, key, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _slept(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _pressed(terminal: int, key: str, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            typed = os.read(terminal, 1)
            if typed in (b"", key.encode()):
                return True
    return False
