"""Work that goes on in this process while somebody looks at something else: each in a thread, found by its name."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Generic, Self, TypeVar

from ops.errors import OpsError

MOST = 50
"""Ended ones that are kept."""


@dataclass(kw_only=True)
class Work:
    """What runs or ran. `error` is why it came to nothing, `problem` what was raised; `ended` is in epoch seconds."""

    error: str | None = None
    problem: OpsError | None = None
    ended: float | None = None
    _thread: Thread | None = field(default=None, repr=False)
    _begun: Event = field(default_factory=Event, repr=False)

    def now(self) -> Self:
        """It as it is at this moment, for who reads more than one thing of it: its thread goes on meanwhile."""
        return copy(self)

    def wait(self, seconds: float) -> bool:
        """Waits for its end, so long at the most; whether it ended."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self.ended is not None

    def began(self) -> None:
        """Says that what it waits for is under way."""
        self._begun.set()

    def wait_begun(self, seconds: float) -> bool:
        """Waits until it is under way or ended, so long at the most; whether it is or did."""
        return self._begun.wait(seconds)


OneT = TypeVar("OneT", bound=Work)


class Works(Generic[OneT]):
    """What this process does beside, by its names."""

    def __init__(self) -> None:
        self._jobs: dict[str, OneT] = {}
        self._lock = Lock()

    def find(self, name: str) -> OneT | None:
        """The one of that name, if this process had it lately."""
        with self._lock:
            return self._jobs.get(name)

    def running(self) -> list[OneT]:
        """Those that did not end yet."""
        with self._lock:
            return [each for each in self._jobs.values() if each.ended is None]

    def start(
        self,
        name: str,
        one: OneT,
        work: Callable[[], None],
        then: str,
        admit: Callable[[OneT], None] = lambda _: None,
    ) -> OneT:
        """Begins it. What keeps it from its work is its `error`; `then` says what helps after what nobody foresaw.

        `admit` raises where something that runs already keeps it from beginning; nothing else begins meanwhile.
        """

        def run() -> None:
            try:
                work()
            except OpsError as error:
                one.problem, one.error = error, str(error)
            except OSError as error:
                one.error = f"{error.filename or 'A file'} cannot be used: {error.strerror}."
            except Exception as error:  # whoever waits for it must not wait for ever
                one.error = f"It failed unexpectedly ({type(error).__name__}: {error}); {then}."
                raise
            finally:
                one.ended = time.time()
                one.began()

        one._thread = Thread(target=run, name=name, daemon=True)
        with self._lock:
            admit(one)
            ended = [name for name, each in self._jobs.items() if each.ended is not None]
            for each in ended[: max(len(ended) - MOST, 0)]:
                del self._jobs[each]
            self._jobs[name] = one
        one._thread.start()
        return one
