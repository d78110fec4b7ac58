"""Delays on this machine: one fires with what it was asked with, another is cancelled, and nothing is early."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from local.aws import client
from local.effects import Effects, eventually, post
from local.session import Session
from stacks import names
from tests.flow.timed import operate

GROUP = names.resource(names.LOCAL, names.PLANS)
NOTE = '<aws.scheduler.execution-id> é " \\ \u2028'


def asked(stack: Session, path: str, body: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    status, answer, _ = post(f"{stack.state.api_url.rstrip('/')}{path}", body, **headers)
    return status, answer


def schedules(stack: Session) -> list[str]:
    found = client("scheduler", stack.state.endpoint).list_schedules(GroupName=GROUP)["Schedules"]
    return [each["Name"] for each in found]


def a_minute_that_is_far_enough() -> int:
    """Seconds from now to a whole minute that Scheduler still takes."""
    now = datetime.now(UTC)
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while (minute - now).total_seconds() < 40:
        minute += timedelta(minutes=1)
    return round((minute - now).total_seconds())


def test_a_delay_fires_with_what_it_was_asked_with_and_another_is_cancelled(timed: Session, done: Effects) -> None:
    began, after = time.time(), a_minute_that_is_far_enough()
    plan = {"ticket_id": "tic-1", "after": after, "note": NOTE}
    key = {"Idempotency-Key": "ask-1", "X-Correlation-Id": "corr-1"}
    assert asked(timed, "/v1/plans", plan, **key)[0] == 202
    assert asked(timed, "/v1/plans", plan | {"ticket_id": "tic-2"}, **{"Idempotency-Key": "ask-2"})[0] == 202
    far = {"Delay-Seconds": "31536000", "Idempotency-Key": "far-1"}
    assert asked(timed, "/v1/reminders", {"ticket_id": "tic-3"}, **far)[0] == 202
    assert eventually(lambda: len(schedules(timed)) == 3)

    shown = {each["key"]: each for each in operate(timed, "schedules")["planned"] if each["key"]}
    assert sorted(shown) == ["remind_ticket/far-1", "remind_ticket/tic-1", "remind_ticket/tic-2"]
    assert all(each["once"] and each["queue"] == "remind_ticket" for each in shown.values())
    operate(timed, "schedules", "cancel", "remind_ticket/far-1")
    cancel = {"ticket_id": "tic-2", "cancel": True}
    assert asked(timed, "/v1/plans", cancel, **{"Idempotency-Key": "ask-3"})[0] == 202
    assert eventually(lambda: len(schedules(timed)) == 1)

    assert done.item("reminders", "tic-1") is None
    assert eventually(lambda: done.item("reminders", "tic-1"), within=150)
    assert time.time() >= began + after - 1
    fired = done.item("reminders", "tic-1")
    assert fired is not None
    assert (fired["note"], fired["correlation_id"]) == (NOTE, "corr-1")
    assert eventually(lambda: schedules(timed) == [])
    assert done.item("reminders", "tic-2") is None
    assert done.depth("plan_command", dead=True) == 0


def test_the_last_of_a_window_runs_once(timed: Session, done: Effects) -> None:
    for number in range(3):
        plan = {"ticket_id": "tic-4", "after": 3, "note": f"note {number}", "replace": True}
        assert asked(timed, "/v1/plans", plan, **{"Idempotency-Key": f"again-{number}"})[0] == 202
    assert eventually(lambda: done.item("reminders", "tic-4"))
    fired = done.item("reminders", "tic-4")
    assert fired is not None
    assert fired["note"] == "note 2"


def test_a_time_that_makes_no_sense_is_refused_in_words(timed: Session) -> None:
    for header, value, words in (
        ("Delay-Seconds", "31536001", "a year"),
        ("Delay-Until", "2020-01-01T00:00:00Z", "is past"),
        ("Delay-Until", "2099-01-01T00:00:00Z", "more than a year ahead"),
        ("Delay-Until", "tomorrow", "a time in UTC"),
    ):
        status, answer = asked(timed, "/v1/reminders", {"ticket_id": "tic-9"}, **{header: value})
        assert (status, words in answer["message"]) == (400, True), answer
