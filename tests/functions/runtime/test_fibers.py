"""What runs side by side: who waits makes room, who hangs is alone in it, and nothing outlives its time."""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from select import POLLIN

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.runtime import fibers, waiting
from functions.runtime.deadline import within
from functions.runtime.errors import HeldUp, OutOfTime

LATER = 60.0


def run(*bodies: Callable[[], None], seconds: float = LATER, handling: float = math.inf) -> None:
    now = time.monotonic()
    fibers.run(bodies, now + min(handling, seconds), now + seconds)


@contextmanager
def pairs(count: int) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(count)]
    yield made
    for pair in made:
        for one in pair:
            one.close()


def test_ten_wait_as_long_as_one() -> None:
    started = time.monotonic()
    run(*[lambda: waiting.sleep(0.2)] * 10)
    assert 0.2 <= time.monotonic() - started < 1.5


@given(st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=6))
def test_each_goes_on_in_its_own_order_when_its_time_has_come(naps: list[list[int]]) -> None:
    seen: list[tuple[int, int]] = []

    def body(number: int) -> None:
        for place, nap in enumerate(naps[number]):
            began = time.monotonic()
            waiting.sleep(nap / 1000)
            assert time.monotonic() - began >= nap / 1000
            seen.append((number, place))

    run(*[partial(body, number) for number in range(len(naps))])
    for number, own in enumerate(naps):
        assert [place for other, place in seen if other == number] == list(range(len(own)))
    assert waiting.turns() is None


def test_who_waits_for_a_socket_goes_on_when_it_is_ready_and_is_told_when_it_is_not() -> None:
    heard: list[tuple[int, bool]] = []
    with pairs(3) as lines:

        def listen(number: int) -> None:
            heard.append((number, waiting.ready(lines[number][0].fileno(), POLLIN, 0.3)))

        def speak() -> None:
            for number in (2, 1):
                waiting.sleep(0.05)
                lines[number][1].send(b"x")

        run(lambda: listen(0), lambda: listen(1), lambda: listen(2), speak)
    assert heard == [(2, True), (1, True), (0, False)]


def test_an_answer_that_is_there_counts_although_another_held_up_everybody() -> None:
    heard: list[bool] = []
    with pairs(1) as ((mine, theirs),):

        def ask() -> None:
            theirs.send(b"x")
            heard.append(waiting.ready(mine.fileno(), POLLIN, 0.05))

        run(ask, lambda: time.sleep(0.2))
    assert heard == [True]


def test_a_socket_that_is_closed_meanwhile_is_no_wait_without_end() -> None:
    with pairs(1) as ((mine, _),):
        descriptor = mine.fileno()
        told: list[bool] = []

        def close() -> None:
            waiting.sleep(0.02)
            mine.close()
            waiting.sleep(0.02)

        started = time.monotonic()
        run(lambda: told.append(waiting.ready(descriptor, POLLIN, 5)), close)
    assert told == [True], "whoever asks it is told what is wrong"
    assert time.monotonic() - started < 1


def test_who_waits_at_the_end_is_told_and_so_is_whoever_waits_after_it() -> None:
    told: list[str] = []

    def body() -> None:
        for word in ("first", "second"):
            with suppress(OutOfTime):
                waiting.sleep(LATER)
                pytest.fail("slept on")
            told.append(word)

    started = time.monotonic()
    run(body, body, seconds=0.1)
    assert sorted(told) == ["first", "first", "second", "second"]
    assert time.monotonic() - started < 3


def test_the_alarm_ends_who_hangs_and_nobody_else() -> None:
    told: list[object] = []

    def hang() -> None:
        with pytest.raises(OutOfTime):
            within(LATER, lambda: time.sleep(LATER))
        told.append("hung")

    def wait() -> None:
        with pairs(1) as ((mine, theirs),):
            theirs.send(b"x")
            told.append(within(LATER, lambda: waiting.ready(mine.fileno(), POLLIN, 1)))

    started = time.monotonic()
    run(wait, hang, wait, handling=0.2, seconds=1)
    assert told == ["hung", True, True]
    assert 0.2 <= time.monotonic() - started < 0.9
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_the_alarm_rings_again_for_who_hangs_after_it() -> None:
    told: list[str] = []

    def hang(word: str) -> None:
        with pytest.raises(OutOfTime):
            within(LATER, lambda: time.sleep(LATER))
        told.append(word)

    started = time.monotonic()
    run(lambda: hang("a"), lambda: hang("b"), handling=0.1, seconds=1)
    assert told == ["a", "b"]
    assert time.monotonic() - started < 10


def test_no_alarm_rings_between_two_times_of_its_own() -> None:
    done: list[str] = []

    def body() -> None:
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            pass
        done.append("whole")

    run(body, body, handling=0.1)
    assert done == ["whole", "whole"]


def test_an_outer_alarm_is_there_when_all_is_over() -> None:
    def body() -> None:
        run(lambda: waiting.sleep(0.1), handling=0.05)
        time.sleep(5)

    with pytest.raises(OutOfTime):
        within(0.2, body)


def test_what_one_knows_of_itself_no_other_knows() -> None:
    word: ContextVar[str] = ContextVar("word", default="nobody's")
    seen: list[tuple[str, str]] = []

    def body(own: str) -> None:
        before = word.get()
        word.set(own)
        waiting.sleep(0.01)
        seen.append((before, word.get()))

    word.set("outer")
    run(lambda: body("a"), lambda: body("b"))
    assert seen == [("outer", "a"), ("outer", "b")]
    assert word.get() == "outer"


def test_the_error_of_one_ends_all_and_is_told() -> None:
    ended: list[str] = []

    def wait() -> None:
        try:
            waiting.sleep(LATER)
        finally:
            ended.append("ended")

    def fail() -> None:
        waiting.sleep(0.01)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(wait, fail, wait, lambda: waiting.sleep(LATER))
    assert ended == ["ended", "ended"]
    assert waiting.turns() is None


def test_who_takes_no_notice_of_its_end_waits_no_more() -> None:
    told: list[type[BaseException]] = []

    def stubborn() -> None:
        for _ in range(3):
            try:
                waiting.sleep(LATER)
            except BaseException as error:
                told.append(type(error))

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(stubborn, fail)
    assert told == [KeyboardInterrupt, HeldUp, HeldUp]


def test_a_signal_reaches_who_waits_for_all() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(lambda: waiting.sleep(LATER), lambda: waiting.sleep(LATER))
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 1


def test_a_thread_of_a_handlers_own_waits_by_itself() -> None:
    told: list[bool] = []

    def work() -> None:
        told.append(waiting.turns() is not None)
        waiting.sleep(0.01)

    def body() -> None:
        told.append(waiting.turns() is not None)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    run(body, lambda: None)
    assert told == [True, False]


def test_time_without_an_end_has_no_milliseconds_and_no_time_none() -> None:
    assert [waiting.milliseconds(seconds) for seconds in (math.inf, 1.0001, 0.0001, 0, -1)] == [None, 1001, 1, 0, 0]


def test_side_by_side_may_be_begun_within_side_by_side() -> None:
    seen: list[str] = []

    def inner() -> None:
        waiting.sleep(0.01)
        seen.append("inner")

    def nested() -> None:
        run(inner)
        waiting.sleep(0.01)
        seen.append("outer")

    run(nested)
    assert seen == ["inner", "outer"]
