"""The record of an effect that was had: how often it is written, how long it is waited for, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
)

from functions.contracts.pause import Unfinished
from functions.runtime import clients, once
from functions.runtime.deadline import invocation
from functions.runtime.errors import Busy, OutOfTime, Reject, Retry, Unavailable
from functions.runtime.unfinished import unfinished
from local.rehearsal import Rehearsal
from tests.fixtures import Context
from tests.functions.fakes import refusal
from tests.functions.runtime.test_once_traps import DAY, Effect, do, entry, failing_updates, raising_call
from tests.functions.runtime.test_tracing import Logged

RECORD = Unfinished(name="letter", key="ord-1", content='{"text":"hello"}')


@pytest.fixture
def running(aws: Rehearsal) -> Iterator[Rehearsal]:
    token = invocation.set(Context(30))
    once._guard.cache_clear()
    yield aws
    invocation.reset(token)
    once._guard.cache_clear()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def done_but_not_recorded(logged: Logged) -> list[str]:
    lines = [line for line in logged() if line["message"] == "done, but not recorded yet"]
    assert all((line["level"], line["effect"], line["key"]) == ("WARNING", "letter", "ord-1") for line in lines)
    return [line["error"] for line in lines]


def test_a_record_is_written_six_times_after_growing_pauses_and_then_handed_on(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    failing_updates(monkeypatch, 100)
    assert do(Effect())
    for pause, most in zip(pauses, (0.1, 0.2, 0.4, 0.8, 1.6), strict=True):
        assert most / 2 <= pause <= most
    assert unfinished == [RECORD]


def test_a_record_that_is_written_at_last_is_no_longer_unfinished(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch, pauses: list[float], logged: Logged
) -> None:
    failing_updates(monkeypatch, 5)
    assert do(Effect())
    assert (len(pauses), unfinished, done_but_not_recorded(logged)) == (5, [], [])
    assert entry(running)["status"] == "COMPLETED"


@pytest.mark.parametrize(("left", "count"), [(2.09, 0), (2.1, 1), (2.2, 2), (3.6, 5), (3.59, 4)])
def test_a_pause_is_made_only_if_there_are_two_seconds_for_what_follows(
    running: Rehearsal,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
    logged: Logged,
    left: float,
    count: int,
) -> None:
    failing_updates(monkeypatch, 100)
    monkeypatch.setattr(once, "left", lambda: left)
    assert do(Effect())
    assert len(pauses) == count
    (error,) = done_but_not_recorded(logged)
    assert (error == "no time was left") == (count == 0)
    assert count == 0 or "InternalServerError" in error


def test_a_pause_in_which_the_time_runs_out_hands_the_record_on(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    failing_updates(monkeypatch, 1)

    def over(_: float) -> None:
        raise OutOfTime("The function's time ran out.")

    monkeypatch.setattr(time, "sleep", over)
    before = clients.client("dynamodb")
    clients._own.add("dynamodb")
    assert do(Effect())
    assert unfinished == [RECORD]
    assert clients.made.get("dynamodb") is not before
    assert done_but_not_recorded(logged) == ["no time was left"]


@pytest.mark.parametrize("ran", [True, False])
def test_an_effect_that_was_had_when_the_time_ran_out_is_done(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch, ran: bool
) -> None:
    def over(**_: Any) -> None:
        raise OutOfTime("The function's time ran out.")

    dynamodb = clients.client("dynamodb")
    clients._own.add("dynamodb")
    monkeypatch.setattr(dynamodb, "update_item" if ran else "put_item", over)
    effect = Effect()
    if ran:
        assert do(effect)
        assert (unfinished, effect.runs) == ([RECORD], 1)
        assert clients.made.get("dynamodb") is not dynamodb
    else:
        with pytest.raises(OutOfTime):
            do(effect)
        assert (unfinished, effect.runs) == ([], 0)


@pytest.mark.parametrize(("remaining", "held"), [(30, 150), (600, 600)])
def test_a_key_is_held_until_its_worker_must_be_dead_but_for_two_and_a_half_minutes_at_the_least(
    running: Rehearsal, remaining: float, held: float
) -> None:
    token = invocation.set(Context(remaining))
    now = time.time()
    with pytest.raises(KeyboardInterrupt):
        do(Effect(interrupted))
    assert int(entry(running)["in_progress_expiration"]) / 1000 == pytest.approx(now + held, abs=10)
    with pytest.raises(Busy, match="letter: ord-1 is being done by another worker") as busy:
        do(Effect())
    assert busy.value.delay == 150
    invocation.reset(token)


@pytest.mark.parametrize("kind", [IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError])
def test_whoever_meets_another_at_the_same_effect_comes_later(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def guard(**_: Any) -> None:
        raise kind("another")

    config = SimpleNamespace(register_lambda_context=lambda _: None)
    monkeypatch.setattr("functions.runtime.once._guard", lambda *_: (guard, config, None))
    with pytest.raises(Busy, match="is being done by another worker"):
        do(Effect())


def interrupted() -> None:
    raise KeyboardInterrupt


def test_a_record_outlives_two_lives_in_the_queue_and_one_in_the_dead_letter_queue(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION", str(3 * DAY))
    assert do(Effect())
    assert int(entry(running)["expiration"]) == pytest.approx(time.time() + (3 + 14 + 3) * DAY, abs=60)


@pytest.mark.parametrize(("code", "kind"), [("InternalServerError", Unavailable), ("ValidationException", Retry)])
def test_before_the_effect_a_store_that_does_not_answer_says_so(
    running: Rehearsal, monkeypatch: pytest.MonkeyPatch, code: str, kind: type[Exception]
) -> None:
    refused = raising_call(code)
    if kind is Retry:

        def refused(**_: Any) -> None:
            raise refusal(code)

    monkeypatch.setattr(clients.client("dynamodb"), "put_item", refused)
    with pytest.raises(kind, match=r"^letter: .+"):
        do(Effect())


def test_other_content_says_which_key_came_before(running: Rehearsal) -> None:
    do(Effect())
    with pytest.raises(Reject, match=r"^letter: ord-1 was done before with other content\.$"):
        do(Effect(), text="goodbye")
