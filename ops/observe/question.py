"""A question to AWS that holds up nobody: asked in a thread of its own, and its last answer is kept."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Generic, TypeVar

from ops.errors import OpsError

PATIENCE = 2.0
"""Seconds for which a picture waits for an answer."""
STALE = 120.0
"""Seconds after which what was answered is not told as what is now."""

T = TypeVar("T")


class NotYet(OpsError):
    """Nothing is known, because the answer is not there yet."""


class Question(Generic[T]):
    """What is asked again and again, once at a time; `whom` is asked, as people call it. One thread looks at a time.

    An answer is made by its own thread alone, and given as a whole, so that nobody reads what still changes.
    """

    def __init__(self, whom: str, stale: float = STALE) -> None:
        self._whom = whom
        self._stale = stale
        self._asked: Future[T] | None = None
        self._at = 0.0
        self._waited = False
        self._last: tuple[Future[T], float] | None = None

    def ask(self, moment: float, work: Callable[[], T]) -> bool:
        """Asks at that moment (epoch seconds), unless it is asked already; whether it does.

        An answer that nobody took while it was true is none.
        """
        if self._asked is not None and not (self._asked.done() and moment - self._at > self._stale):
            return False
        self._asked, self._at, self._waited = Future(), moment, False
        Thread(target=_answer, args=(self._asked, work), name=f"ask {self._whom}", daemon=True).start()
        return True

    @property
    def failed(self) -> bool:
        """Whether the answer that was taken last was none."""
        return self._last is not None and self._last[0].exception() is not None

    @property
    def news(self) -> bool:
        """Whether it was answered since somebody took an answer."""
        return self._asked is not None and self._asked.done()

    def take(self, seconds: float | None) -> T | None:
        """The answer, if it came since, and was none of an error; it is the one that is known from now on.

        It is waited for, so many seconds at the most, None for as long as it takes; once only, so that what is late
        delays no second picture.
        """
        if self._asked is None:
            return None
        if not self._waited:
            wait([self._asked], seconds)
            self._waited = True
        if not self._asked.done():
            return None
        self._last, self._asked = (self._asked, self._at), None
        return None if self._last[0].exception() is not None else self._last[0].result()

    def known(self, moment: float) -> T:
        """The answer that was taken last. Raises what asking raised; `NotYet` where there is none, or an old one."""
        if self._last is None or moment - self._last[1] > self._stale:
            raise NotYet(f"{self._whom} was asked and has not answered yet.")
        return self._last[0].result()


def _answer(asked: Future[T], work: Callable[[], T]) -> None:
    try:
        asked.set_result(work())
    except Exception as error:  # whoever takes the answer is told
        asked.set_exception(error)
