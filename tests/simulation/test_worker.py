"""Time as a worker sees it: it passes in calls and sleeps, the alarm rings in them, and Lambda's end is the end."""

from __future__ import annotations

import datetime
import signal
import threading
import time

from botocore.exceptions import HTTPClientError, ReadTimeoutError

from functions.runtime.deadline import within
from functions.runtime.errors import OutOfTime
from tests.simulation.clock import EPOCH
from tests.simulation.conftest import Bench
from tests.simulation.faults import Plan
from tests.simulation.worker import Killed


def test_time_passes_in_sleep_only_and_for_every_worker(bench: Bench) -> None:
    seen: list[tuple[str, float]] = []

    def sleeper(name: str, seconds: float) -> None:
        for _ in range(2):
            time.sleep(seconds)
            seen.append((name, time.time() - EPOCH))

    before = time.monotonic()
    bench.run(lambda: sleeper("a", 100), lambda: sleeper("b", 150))
    assert seen == [("a", 100), ("b", 150), ("a", 200), ("b", 300)]
    assert time.monotonic() - before < 5
    assert bench.run(lambda: datetime.datetime.now(datetime.UTC).year) == [2027]


def test_the_machine_has_its_own_time_again_afterwards(bench: Bench) -> None:
    kept = (time.time, time.sleep, signal.setitimer, threading.main_thread, datetime.datetime)
    bench.run(lambda: time.sleep(10))
    assert kept == (time.time, time.sleep, signal.setitimer, threading.main_thread, datetime.datetime)


def test_the_deadline_of_the_runtime_rings_in_virtual_time(bench: Bench) -> None:
    started: list[float] = []

    def body() -> None:
        started.append(bench.clock.now)
        within(7, lambda: time.sleep(100))

    (result,) = bench.run(body)
    assert isinstance(result, OutOfTime)
    assert bench.clock.now >= started[0] + 7


def test_an_alarm_that_is_swallowed_rings_again_and_one_that_is_off_does_not(bench: Bench) -> None:
    rings: list[float] = []

    def body() -> None:
        signal.signal(signal.SIGALRM, lambda *_: rings.append(bench.clock.now))
        signal.setitimer(signal.ITIMER_REAL, 5, 2)
        time.sleep(10)
        left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
        assert (round(left, 3), interval) == (1, 2)
        time.sleep(10)

    assert bench.run(body) == [None]
    assert rings == [5, 7, 9]


def test_an_alarm_inside_a_call_comes_out_as_botocore_wraps_it(bench: Bench) -> None:
    bench.plan = Plan(rates={"hang": 1})
    client = bench.client()

    def body() -> None:
        within(2, lambda: client.get_item(TableName="things", Key={"id": {"S": "a"}}))

    (result,) = bench.run(body)
    # This is what item 11 of issue 10 is about: the alarm is retried as if the connection had failed.
    assert isinstance(result, OutOfTime | HTTPClientError)


def test_a_worker_ends_with_its_timeout_whatever_it_catches(bench: Bench) -> None:
    caught: list[BaseException] = []

    def body() -> None:
        for _ in range(2):
            try:
                time.sleep(1000)
            except BaseException as error:
                caught.append(error)
        raise caught[-1]

    (result,) = bench.run(body, timeout=30)
    assert isinstance(result, Killed)
    assert len(caught) == 2
    assert str(caught[0]) == "timed out"


def test_botocore_itself_retries_and_gives_up(bench: Bench) -> None:
    bench.plan = Plan(rates={"hang": 1})
    client = bench.client()
    (result,) = bench.run(lambda: client.get_item(TableName="things", Key={"id": {"S": "a"}}))
    assert isinstance(result, ReadTimeoutError)
    assert bench.clock.end >= 15
    bench.plan = Plan(rates={"throttle": 1})
    throttled = bench.client()
    (error,) = bench.run(lambda: throttled.get_item(TableName="things", Key={"id": {"S": "a"}}))
    assert error.response["ResponseMetadata"]["RetryAttempts"] == 2


def test_a_lost_answer_is_an_effect_that_is_repeated(bench: Bench) -> None:
    bench.plan = Plan(rates={"lost, closed": 1})
    client = bench.client()
    bench.run(lambda: client.put_item(TableName="things", Item={"id": {"S": "a"}}))
    assert len(bench.tables.history) == 3
