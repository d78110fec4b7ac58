"""What Python asks of the machine, answered by the worker that runs: the time, sleep, the alarm, the environment."""

from __future__ import annotations

import datetime as datetimes
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from tests.simulation.worker import Worker

REAL = datetimes.datetime
LONGEST_LINE = 16 * 1024
"""Characters of a line of the log, at the most."""


class Nature:
    """Knows which worker runs, and answers for it. Other threads of the process keep the machine's own answers."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.log = Log()

    def asks(self) -> Worker | None:
        """The worker that asks; None if nobody of the simulation does."""
        return self.worker if self.worker is not None and self.worker.runs_here() else None

    @contextmanager
    def rules(self, seed: str) -> Iterator[None]:
        """Answer for as long as the body runs, in which jitter comes from `seed` and nothing is printed."""
        state = random.getstate()
        random.seed(seed)
        patches = [
            *(
                patch.object(time, name, self._ask(name, getattr(time, name)))
                for name in ("time", "monotonic", "sleep")
            ),
            *(
                patch.object(signal, name, self._ask(name, getattr(signal, name)))
                for name in ("signal", "getsignal", "setitimer", "getitimer")
            ),
            # Lambda runs handlers in the main thread.
            patch.object(threading, "main_thread", self._main_thread(threading.main_thread)),
            patch.object(datetimes, "datetime", self._datetime()),
            patch.object(sys, "stdout", self.log),
            patch.object(os, "environ", dict(os.environ)),
        ]
        for each in patches:
            each.start()
        try:
            yield
        finally:
            for each in reversed(patches):
                each.stop()
            random.setstate(state)

    def _ask(self, name: str, machines: Any) -> Any:
        def answer(*arguments: Any) -> Any:
            worker = self.asks()
            return getattr(worker, name)(*arguments) if worker else machines(*arguments)

        return answer

    def _main_thread(self, machines: Any) -> Any:
        return lambda: threading.current_thread() if self.asks() else machines()

    def _datetime(self) -> type[datetimes.datetime]:
        nature, real = self, REAL

        class Kind(type):
            def __instancecheck__(cls, instance: Any) -> bool:
                return isinstance(instance, real)

        class Datetime(REAL, metaclass=Kind):
            @classmethod
            def now(cls, tz: datetimes.tzinfo | None = None) -> Any:
                worker = nature.asks()
                return real.fromtimestamp(worker.time(), tz) if worker else real.now(tz)

        return Datetime


class Log:
    """Standard output while a scenario runs: nothing is printed; `unreadable` are the lines that no log query can read.

    CloudWatch takes a line for an event, and a line that is no JSON object for text without fields.
    """

    def __init__(self) -> None:
        self.unreadable: list[str] = []

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if len(line) > LONGEST_LINE or not _is_object(line):
                self.unreadable.append(f"{len(line):,} bytes: {line[:60]}")
        return len(text)

    def flush(self) -> None:
        return


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
