"""Threads that ask, for which no process that ends waits: nobody who has enough of it waits for AWS."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import wait as until_done
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Semaphore, Thread
from types import TracebackType
from typing import Any, ParamSpec, TypeVar
from weakref import finalize

T = TypeVar("T")
P = ParamSpec("P")
Asked = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]


class Pool(Executor):
    """Asks in so many threads at a time, as `ThreadPoolExecutor` does; but whoever ends the process waits for none.

    Python joins the threads of that one before a process ends, so an AWS that hangs would keep a person for as long as
    botocore is patient. What may not end half-way, as what changes something, belongs elsewhere.

    A `with` waits for what it asked, also after an error, so that nobody asks again what is on its way; but not after a
    Ctrl-C.
    """

    def __init__(self, most: int, name: str = "asks") -> None:
        self._most, self._name = most, name
        self._asked: Asked = SimpleQueue()
        self._idle = Semaphore(0)
        self._threads = 0
        self._begun: set[Future[Any]] = set()
        self._over = False
        self._lock = Lock()
        finalize(self, self._asked.put, None)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Asks once a thread is free. Raises `RuntimeError` after its end."""
        future = Future[T]()
        with self._lock:
            if self._over:
                raise RuntimeError("The pool was ended.")
            self._begun.add(future)
            self._asked.put((future, partial(fn, *args, **kwargs)))
            if not self._idle.acquire(blocking=False) and self._threads < self._most:
                self._threads += 1
                Thread(target=_asks, args=(self._asked, self._idle), name=self._name, daemon=True).start()
        future.add_done_callback(self._begun.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends it: what no thread began is not asked any more, and what one did is waited for where that is said."""
        left: list[Future[Any]] = []
        with self._lock:
            self._over = True
            while True:
                try:
                    one = self._asked.get_nowait()
                except Empty:
                    break
                if one is not None:
                    left.append(one[0])
            self._asked.put(None)
        for each in left:
            each.cancel()
        if wait:
            until_done(self._begun.copy())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown(wait=kind is None or issubclass(kind, Exception))


def _asks(asked: Asked, idle: Semaphore) -> None:
    """One thread of a pool, which it does not know: one that nobody has any more ends by itself."""
    while (one := asked.get()) is not None:
        future, work = one
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:  # whoever waits for it is told
                future.set_exception(error)
        del one, future, work
        idle.release()
    asked.put(None)
