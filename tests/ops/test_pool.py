"""Threads that no process waits for: whoever ends it has its end, and whoever goes on leaves nothing on its way."""

from __future__ import annotations

import subprocess
import sys
import threading
from threading import Barrier, Event, Lock, Thread, Timer, current_thread
from typing import Any

import pytest

from ops.pool import Pool
from tests.ops.gate import PATIENCE, until


class Hanging:
    """Work that hangs until it is let go."""

    def __init__(self) -> None:
        self.begun, self.gate = Event(), Event()

    def __call__(self, *_: Any) -> bool:
        self.begun.set()
        return self.gate.wait(PATIENCE)


@pytest.fixture
def hanging() -> Any:
    hanging = Hanging()
    yield hanging
    hanging.gate.set()


def named(name: str) -> list[Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_answers_are_in_order_and_so_many_are_asked_at_a_time_at_the_most() -> None:
    lock, together = Lock(), Barrier(3)
    now = most = 0

    def work(number: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        if number < 3:
            together.wait(PATIENCE)
        with lock:
            now -= 1
        return number * 2

    with Pool(3) as pool:
        assert list(pool.map(work, range(50))) == [2 * number for number in range(50)]
    assert most == 3


def test_what_was_raised_is_told_and_the_thread_asks_on() -> None:
    with Pool(1) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.submit(lambda: 1 / 0).result(PATIENCE)
        assert pool.submit(lambda: 1).result(PATIENCE) == 1


def test_a_thread_that_is_free_is_taken_before_another_begins() -> None:
    with Pool(9, "frugal") as pool:
        threads = set()
        for _ in range(20):
            threads.add(pool.submit(current_thread).result(PATIENCE))
            until(lambda: pool._idle._value > 0)
    assert len(threads) == 1


def test_after_a_ctrl_c_nothing_is_waited_for_and_what_was_not_begun_is_not_asked(hanging: Hanging) -> None:
    pool = Pool(1)
    begun, waiting = pool.submit(hanging), pool.submit(hanging)
    assert hanging.begun.wait(PATIENCE)
    pool.__exit__(KeyboardInterrupt, None, None)
    assert not begun.done()
    assert waiting.cancelled()
    with pytest.raises(RuntimeError, match="ended"):
        pool.submit(hanging)
    hanging.gate.set()
    assert begun.result(PATIENCE)


def test_an_error_leaves_nothing_on_its_way_that_who_tries_again_would_ask_twice(hanging: Hanging) -> None:
    asked: list[int] = []

    def work(number: int) -> None:
        asked.append(number)
        if number == 0:
            assert hanging.begun.wait(PATIENCE)
            Timer(0.05, hanging.gate.set).start()
            raise LookupError
        hanging()

    pool = Pool(2)
    with pytest.raises(LookupError), pool:
        list(pool.map(work, range(9)))
    assert hanging.gate.is_set()
    assert len(asked) < 9
    assert not pool._begun


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "forgotten"])
def test_no_thread_of_one_that_is_over_stays(ended: bool) -> None:
    name = f"stays {ended}"
    pool = Pool(3, name)
    together = Barrier(3)
    assert len(list(pool.map(lambda _: together.wait(PATIENCE), range(3)))) == 3
    assert len(named(name)) == 3
    if ended:
        pool.shutdown()
    else:
        del pool
    until(lambda: not named(name))


def test_a_process_ends_while_one_hangs() -> None:
    script = (
        "import threading\nfrom ops.pool import Pool\nbegun = threading.Event()\n"
        "def hangs():\n    begun.set()\n    threading.Event().wait()\n"
        "Pool(1).submit(hangs)\nbegun.wait()\nprint('over')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "over\n"
