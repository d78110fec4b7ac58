"""The deadline: what is not done in time is returned, and what is done never repeats because of it."""

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import suppress
from typing import Any, Literal

import pytest

from functions.runtime.deadline import Deadline, left, within
from functions.runtime.errors import OutOfTime
from tests.fixtures import Context
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes
from tests.functions.runtime.probe import Probed, Probing, probe


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Context:
    """An invocation with little time for handling, and enough for the rest even on a machine that is busy."""
    monkeypatch.setattr("functions.runtime.deadline.RESERVE_SHARE", 0.8)
    return Context(2)


def sleep(*_: Any) -> None:
    time.sleep(5)


def test_a_record_that_hangs_is_returned_and_finished_ones_are_published(fakes: Fakes, short: Context) -> None:
    probing = Probing(b=sleep)
    report = probing.handler(batch(probe("a"), probe("b"), probe("c")), short)
    assert failed(report) == ["b", "c"]
    assert probing.seen == ["a", "b"]
    assert [envelope["data"]["name"] for envelope in fakes.events.envelopes] == ["a"]


def test_a_record_that_hangs_waits_and_those_not_tried_come_back_at_once(fakes: Fakes, short: Context) -> None:
    Probing(a=sleep).handler(batch(probe("a", attempt=4), probe("b", attempt=4)), short)
    assert fakes.sqs.visibility["a"] >= 8
    assert fakes.sqs.visibility["b"] == 0
    assert fakes.dynamodb.causes["a"]["error_type"] == "OutOfTime"
    assert fakes.dynamodb.causes["b"]["error_type"] == "NotAttempted"


def test_a_handler_that_swallows_the_alarm_hears_it_again(fakes: Fakes, short: Context) -> None:
    def stubborn(*_: Any) -> list[Probed]:
        for _again in range(2):
            with suppress(BaseException):
                time.sleep(5)
        time.sleep(5)
        return [Probed(name="never")]

    assert failed(Probing(a=stubborn).handler(batch(probe("a")), short)) == ["a"]


def test_publishing_that_hangs_fails_its_records_and_still_reports(
    fakes: Fakes, short: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes.events, "put_events", lambda **_: time.sleep(5))
    started = time.monotonic()
    assert failed(Probing().handler(batch(probe("a"), probe("b")), short)) == ["a", "b"]
    assert time.monotonic() - started < 4
    assert all(60 <= wait <= 90 for wait in fakes.sqs.visibility.values())


def test_what_was_published_before_the_time_ran_out_is_not_told_again(
    fakes: Fakes, short: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = fakes.events.put_events

    def slower(**arguments: Any) -> Any:
        if fakes.events.calls:
            time.sleep(5)
        return publish(**arguments)

    monkeypatch.setattr(fakes.events, "put_events", slower)
    names = [f"m{number}" for number in range(25)]
    assert failed(Probing().handler(batch(*map(probe, names)), short)) == names[10:]


def test_noting_last_tries_that_hangs_costs_no_answer(
    fakes: Fakes, short: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes.dynamodb, "update_item", lambda **_: time.sleep(5))
    assert failed(Probing().handler(batch(probe("a", attempt=5)), short)) == []


def test_a_report_that_hangs_never_costs_the_answer(
    fakes: Fakes, short: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes.dynamodb, "update_item", lambda **_: time.sleep(5))
    started = time.monotonic()
    assert failed(Probing(a=RuntimeError()).handler(batch(probe("a"), probe("b")), short)) == ["a"]
    assert time.monotonic() - started < 4


def test_without_time_nothing_is_tried(fakes: Fakes) -> None:
    probing = Probing()
    assert failed(probing.handler(batch(probe("a"), probe("b", group="g")), Context(0))) == ["a", "b"]
    assert probing.seen == []


def test_no_alarm_rings_after_its_body() -> None:
    assert within(0.05, lambda: "done") == "done"
    time.sleep(0.1)


def test_the_alarm_leaves_the_time_for_the_next_one() -> None:
    for _ in range(2):
        with pytest.raises(OutOfTime):
            within(0.02, lambda: time.sleep(1))


def test_one_inside_another_leaves_the_outer_one_its_alarm() -> None:
    def body() -> None:
        within(5, lambda: None)
        time.sleep(5)

    started = time.monotonic()
    with pytest.raises(OutOfTime):
        within(0.2, body)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("overrun", [False, True])
def test_the_outer_one_rings_in_time_and_again_after_an_inner_one(
    monkeypatch: pytest.MonkeyPatch, overrun: bool
) -> None:
    monkeypatch.setattr("functions.runtime.deadline.AGAIN", 0.1)
    rung: list[float] = []

    def inner() -> None:
        with suppress(OutOfTime):
            time.sleep(5 if overrun else 0.3)

    def body() -> None:
        within(5, inner)
        with suppress(OutOfTime):
            time.sleep(2)
        rung.append(time.monotonic() - started)
        time.sleep(2)

    started = time.monotonic()
    with pytest.raises(OutOfTime):
        within(0.4, body)
    assert rung[0] < 2
    assert time.monotonic() - started < 2.2


def test_one_inside_another_ends_with_the_outer_one() -> None:
    seen: list[float] = []

    def body() -> None:
        within(5, lambda: seen.append(left()))

    within(0.5, body)
    assert 0 < seen[0] <= 0.5
    assert left() == math.inf


def test_nothing_that_catches_exceptions_catches_the_end() -> None:
    def stubborn() -> None:
        try:
            time.sleep(5)
        except Exception:
            time.sleep(5)

    started = time.monotonic()
    with pytest.raises(OutOfTime):
        within(0.1, stubborn)
    assert time.monotonic() - started < 0.4


def test_a_message_is_not_begun_that_cannot_be_done_in_time(fakes: Fakes) -> None:
    probing = Probing(**dict.fromkeys("abcd", lambda *_: time.sleep(1)))
    report = probing.handler(batch(*map(probe, "abcd")), Context(3.0))
    assert probing.seen == ["a", "b"]
    assert failed(report) == ["c", "d"]
    # Each comes back when those before it should be done.
    assert fakes.sqs.visibility["c"] == 0
    assert fakes.sqs.visibility["d"] == pytest.approx(1, abs=1)


def test_who_waited_in_vain_before_goes_first(fakes: Fakes) -> None:
    probing = Probing()
    probing.handler(batch(probe("a"), probe("b", attempt=3), probe("c", attempt=2)))
    assert probing.seen == ["b", "c", "a"]


def test_outside_the_main_thread_the_body_just_runs() -> None:
    results: list[str] = []

    def slow() -> str:
        time.sleep(0.05)
        return "done"

    thread = threading.Thread(target=lambda: results.append(within(0.01, slow)))
    thread.start()
    thread.join()
    assert results == ["done"]


def test_each_phase_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    phases: tuple[Literal["handling", "publishing", "reporting"], ...] = ("handling", "publishing", "reporting")
    monkeypatch.setattr(time, "monotonic", lambda: 7.0)
    for remaining, each in ((10, [8, 9, 9.8]), (25, [20, 22.5, 24.5]), (900, [895, 897.5, 899.5])):
        assert [Deadline(Context(remaining)).left(phase) for phase in phases] == pytest.approx(each)
    assert [Deadline(None).left(phase) for phase in phases] == [math.inf] * 3


def test_at_the_very_end_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 7.0)
    begun: list[None] = []
    with pytest.raises(OutOfTime, match="The function's time ran out"):
        within(0, lambda: begun.append(None))
    assert begun == []


def test_an_alarm_that_rings_while_it_is_turned_off_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before, set_timer = signal.getsignal(signal.SIGALRM), signal.setitimer
    rung: list[None] = []

    def setitimer(which: int, seconds: float, *more: float) -> object:
        if not seconds and not rung:
            rung.append(None)
            raise OutOfTime("The function's time ran out.")
        return set_timer(which, seconds, *more)

    monkeypatch.setattr(signal, "setitimer", setitimer)
    with pytest.raises(OutOfTime):
        within(5, lambda: None)
    assert (signal.getitimer(signal.ITIMER_REAL), signal.getsignal(signal.SIGALRM)) == ((0, 0), before)


def test_in_thirty_seconds_each_phase_leaves_time_for_the_next() -> None:
    deadline = Deadline(Context(30))
    assert 24.9 < deadline.left("handling") <= 25
    assert 27.4 < deadline.left("publishing") <= 27.5
    assert 29.4 < deadline.left("reporting") <= 29.5
