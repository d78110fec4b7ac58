"""A handler says how far it is: seldom enough to cost nothing, and without secrets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from functions.runtime.consumer import Retry
from functions.runtime.message import Message
from functions.runtime.progress import EVERY, LONGEST, MARGIN
from tests.fixtures import Context
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.probe import Probe, Probing, probe
from tests.functions.runtime.requesting import Requesting, asked

Logged = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def requesting(monkeypatch: pytest.MonkeyPatch, fakes: Fakes) -> Requesting:
    return Requesting(monkeypatch, fakes)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which the clock is ahead."""
    ahead, real = [0.0], time.monotonic
    monkeypatch.setattr("functions.runtime.progress.time", type("T", (), {"monotonic": lambda: real() + ahead[0]}))
    return ahead


def says(*told: tuple[int, str], wait: list[float] | None = None) -> Callable[[Probe, Message], None]:
    def move(_: Probe, message: Message) -> None:
        for percent, words in told:
            message.progress(percent, words)
            if wait is not None:
                wait[0] += EVERY
        raise Retry("stopped here")

    return move


def lines(logged: Logged) -> list[dict[str, Any]]:
    return [line for line in logged() if line.get("message") == "progress"]


def test_progress_is_seen_in_the_status_and_in_the_log(requesting: Requesting, logged: Logged) -> None:
    seen: list[dict[str, Any]] = []

    def move(_: Probe, message: Message) -> None:
        message.progress(40, "Reading the file.")
        seen.append(requesting.item())

    requesting.run(Probing(a=move), asked())
    assert (seen[0]["status"], seen[0]["percent"], seen[0]["words"]) == ("working", 40, "Reading the file.")
    (line,) = lines(logged)
    assert (line["percent"], line["words"], line["correlation_id"], line["message_id"]) == (
        40,
        "Reading the file.",
        "c-1",
        "a",
    )
    item = requesting.item()
    assert (item["status"], "percent" in item, "words" in item) == ("done", False, False)


def test_a_loop_of_a_million_tells_a_few_and_takes_no_time(requesting: Requesting, logged: Logged) -> None:
    def move(_: Probe, message: Message) -> None:
        for number in range(1_000_000):
            message.progress(number // 10_000)

    began = time.monotonic()
    requesting.run(Probing(a=move), asked())
    took = time.monotonic() - began
    told = len(lines(logged))
    assert 1 <= told <= 1 + took / EVERY
    assert len(requesting.table.calls) == told + 1
    assert len(requesting.fakes.sqs.calls) == 1


def test_what_is_said_later_is_told_again(requesting: Requesting, logged: Logged, clock: list[float]) -> None:
    requesting.run(Probing(a=says((1, ""), (50, "half"), (100, ""), wait=clock)), asked())
    assert [line["percent"] for line in lines(logged)] == [1, 50, 100]


def test_each_message_of_a_batch_has_a_measure_of_its_own(requesting: Requesting, logged: Logged) -> None:
    requesting.run(Probing(a=says((1, "")), b=says((2, ""))), asked("a"), asked("b", correlation_id="c-2"))
    assert sorted(line["percent"] for line in lines(logged)) == [1, 2]


def test_the_message_is_hidden_as_long_as_its_function_may_run(requesting: Requesting, clock: list[float]) -> None:
    hidden: list[int] = []

    def move(_: Probe, message: Message) -> None:
        for percent in (1, 2):
            message.progress(percent)
            clock[0] += EVERY
        hidden.append(requesting.fakes.sqs.visibility["a"])

    requesting.run(Probing(a=move), asked(), context=Context(900))
    assert len(requesting.fakes.sqs.calls) == 1, "once is enough: the end does not move"
    assert abs(hidden[0] - 900 - MARGIN) <= 1


def test_words_are_without_secrets_and_end(requesting: Requesting, logged: Logged) -> None:
    record = asked() | {"body": '{"name":"a","token":"s3cret"}'}
    requesting.run(Probing(a=says((1, "with s3cret " + "x" * 1000))), record)
    (line,) = lines(logged)
    assert line["words"].startswith("with [secret] x")
    assert len(line["words"]) == LONGEST


@pytest.mark.parametrize("percent", [-1, 101, 1000])
def test_what_is_no_percentage_is_one_sentence(percent: int) -> None:
    message = Message(id="m", key="k", cause="c", causation_id="c", correlation_id="c-1")
    with pytest.raises(ValueError, match=f"Progress is 0 to 100 percent, and not {percent}."):
        message.progress(percent)


def test_outside_of_a_consumer_it_is_a_line_and_no_call(fakes: Fakes, logged: Logged) -> None:
    message = Message(id="m", key="k", cause="c", causation_id="c", correlation_id="c-1")
    message.progress(10, "alone")
    (line,) = lines(logged)
    assert (line["percent"], line["words"]) == (10, "alone")
    assert fakes.dynamodb.calls == []
    assert fakes.sqs.calls == []


def test_a_consumer_that_is_not_tracked_writes_no_status(fakes: Fakes, logged: Logged) -> None:
    def move(_: Probe, message: Message) -> None:
        message.progress(40)

    assert Probing(a=move).handler({"Records": [probe("a")]}, Context()) == {"batchItemFailures": []}
    assert len(lines(logged)) == 1
    assert fakes.dynamodb.calls == []
    assert len(fakes.sqs.calls) == 1


def test_a_status_that_cannot_be_written_costs_the_message_nothing(requesting: Requesting, logged: Logged) -> None:
    requesting.table.answers = [refusal("AccessDeniedException", "PutItem")]

    def move(_: Probe, message: Message) -> None:
        message.progress(40)

    assert requesting.run(Probing(a=move), asked()) == set()
    assert any(line["message"] == "status of a request not written" for line in logged())
    assert requesting.item()["status"] == "done"


def test_progress_of_a_last_attempt_keeps_what_is_true_if_its_worker_dies(requesting: Requesting) -> None:
    seen: list[dict[str, Any]] = []

    def move(_: Probe, message: Message) -> None:
        message.progress(40)
        seen.append(requesting.item())

    requesting.run(Probing(a=move), asked(attempt=3))
    assert (seen[0]["status"], seen[0]["otherwise"]["status"]) == ("working", "dead")


def test_progress_of_what_is_done_already_changes_nothing(requesting: Requesting) -> None:
    requesting.run(Probing(), asked())
    done = requesting.item()
    requesting.run(Probing(a=says((40, ""))), asked(attempt=2))
    assert requesting.item() == done
