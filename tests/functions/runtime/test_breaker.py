"""What a consumer notices of a service that is away, and whom it tells."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from functions.contracts.pause import Trouble, Unfinished
from functions.runtime.breaker import SILENCE
from functions.runtime.errors import Reject, Unavailable
from functions.runtime.unfinished import unfinished
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.probe import Probing, probe

AWAY = refusal("ThrottlingException")
URL = "https://sqs.example/pause_consumer.fifo"


@pytest.fixture(autouse=True)
def told(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAUSE_QUEUE_URL", URL)


def test_after_two_failures_of_infrastructure_the_rest_is_not_attempted(fakes: Fakes) -> None:
    probing = Probing(a=AWAY, b=AWAY)
    assert failed(probing.handler(batch(*map(probe, "abcd")))) == ["a", "b", "c", "d"]
    assert probing.seen == ["a", "b"]
    assert all(60 <= wait <= 90 for wait in fakes.sqs.visibility.values())


def test_one_failure_between_good_ones_stops_nothing(fakes: Fakes) -> None:
    probing = Probing(a=AWAY, c=AWAY)
    assert failed(probing.handler(batch(*map(probe, "abcd")))) == ["a", "c"]


def test_failures_of_messages_stop_nothing(fakes: Fakes) -> None:
    probing = Probing(a=Reject("no"), b=RuntimeError())
    assert failed(probing.handler(batch(*map(probe, "abc")))) == ["a", "b"]


def test_the_next_batch_is_judged_by_its_first(fakes: Fakes) -> None:
    Probing(a=AWAY, b=AWAY).handler(batch(*map(probe, "ab")))
    probing = Probing(c=AWAY)
    assert failed(probing.handler(batch(*map(probe, "cd")))) == ["c", "d"]
    assert probing.seen == ["c"]
    probing = Probing(f=AWAY)
    assert failed(probing.handler(batch(*map(probe, "efg")))) == ["f"]
    assert probing.seen == ["e", "f", "g"]


def test_a_first_meeting_is_told_to_nobody(fakes: Fakes) -> None:
    Probing(a=AWAY).handler(batch(probe("a")))
    assert fakes.sqs.sent == []


def test_a_second_meeting_is_told_in_the_group_of_the_function(fakes: Fakes) -> None:
    Probing(a=AWAY).handler(batch(probe("a", attempt=2)))
    (sent,) = fakes.sqs.sent
    assert (sent["QueueUrl"], sent["MessageGroupId"]) == (URL, "function")
    trouble = msgspec.json.decode(sent["MessageBody"], type=Trouble)
    assert trouble == Trouble(function="function", reason=f"ClientError: {AWAY}"[:200])


def test_one_worker_tells_it_now_and_then_and_never_as_the_same_report(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for seconds in (0, 1, SILENCE):
        now[0] += seconds
        Probing(a=AWAY).handler(batch(probe("a", attempt=2)))
    assert len({sent["MessageDeduplicationId"] for sent in fakes.sqs.sent}) == 2


def test_a_report_that_sqs_does_not_take_is_made_again(fakes: Fakes) -> None:
    fakes.sqs.answers = [None, refusal("RequestThrottled")]  # the visibility, then the report
    for _ in range(2):
        Probing(a=AWAY).handler(batch(probe("a", attempt=2)))
    assert len(fakes.sqs.sent) == 2


def test_what_is_unfinished_is_handed_over_at_once_and_only_once(fakes: Fakes) -> None:
    record = Unfinished(name="letter", key="tic-1", content="{}")

    def handle(*_: Any) -> None:
        unfinished.append(record)

    Probing(a=handle).handler(batch(probe("a")))
    (sent,) = fakes.sqs.sent
    assert msgspec.json.decode(sent["MessageBody"], type=Trouble).unfinished == (record,)
    Probing(b=Unavailable("away")).handler(batch(probe("b")))
    assert len(fakes.sqs.sent) == 1


def test_without_a_queue_to_tell_nobody_is_told(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAUSE_QUEUE_URL")
    Probing(a=AWAY).handler(batch(probe("a", attempt=2)))
    assert fakes.sqs.sent == []
