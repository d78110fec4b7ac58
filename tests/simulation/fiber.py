"""A call that can stand still in its midst, so that workers overlap in virtual time.

Python's own coroutines cannot stop inside botocore, so a fiber is a thread of which nothing runs but while `resume`
waits for it: one at a time, in the order of the clock, which makes a run as repeatable as one without threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Fiber:
    """`body`, run by `resume` until it pauses or ends. What it raises, `resume` raises."""

    def __init__(self, body: Callable[[], None]) -> None:
        self._body = body
        self._mine, self._theirs = threading.Lock(), threading.Lock()
        self._mine.acquire()
        self._theirs.acquire()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self.ended = False

    def resume(self) -> None:
        """Let it run until it pauses or ends; from outside."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        else:
            self._mine.release()
        self._theirs.acquire()
        if self.ended:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def runs_here(self) -> bool:
        """Whether the caller is the fiber."""
        return self._thread is not None and threading.get_ident() == self._thread.ident

    def pause(self) -> None:
        """Stand still until the next `resume`; from inside."""
        self._theirs.release()
        self._mine.acquire()

    def _run(self) -> None:
        try:
            self._body()
        except BaseException as error:
            self._error = error
        finally:
            self.ended = True
            self._theirs.release()
