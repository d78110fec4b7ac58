"""What a consumer notices of a service that is away, and whom it tells."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError

from functions.contracts.pause import Trouble, Unfinished
from functions.runtime.errors import Reject, Unavailable
from functions.runtime.unfinished import unfinished
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.probe import Probing, probe
from tests.functions.runtime.test_tracing import Logged

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


def test_what_is_not_attempted_says_why(fakes: Fakes, logged: Logged) -> None:
    Probing(a=Unavailable("first"), b=Unavailable("second")).handler(batch(*map(probe, "abc")))
    lines = {line["message_id"]: line for line in logged() if "message_id" in line}
    assert (lines["c"]["error_type"], lines["c"]["error"]) == ("Unavailable", "Not attempted: second")


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


def test_a_reason_as_long_as_a_caller_likes_is_cut(fakes: Fakes) -> None:
    Probing(a=Unavailable("x" * 1000)).handler(batch(probe("a", attempt=2)))
    (sent,) = fakes.sqs.sent
    reason = msgspec.json.decode(sent["MessageBody"], type=Trouble).reason
    assert len(reason) == 200
    assert reason.startswith("Unavailable: xxx")


def test_one_worker_tells_it_now_and_then_and_never_as_the_same_report(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    told = []
    for seconds in (0, 1, 28.5, 0.5, 1):
        now[0] += seconds
        Probing(a=AWAY).handler(batch(probe("a", attempt=2)))
        told.append(len(fakes.sqs.sent))
    assert told == [1, 1, 1, 2, 2]
    assert len({sent["MessageDeduplicationId"] for sent in fakes.sqs.sent}) == 2


@pytest.mark.parametrize("error", [refusal("RequestThrottled"), EndpointConnectionError(endpoint_url=URL)], ids=repr)
def test_a_report_that_sqs_does_not_take_is_logged_and_made_again(
    fakes: Fakes, logged: Logged, error: Exception
) -> None:
    record = Unfinished(name="letter", key="tic-1", content="{}")
    unfinished.append(record)
    fakes.sqs.answers = [None, error, error]  # the visibility, then the two reports
    Probing(a=AWAY).handler(batch(probe("a", attempt=2)))
    assert [line["error"] for line in logged() if line.get("message") == "trouble not told"] == [str(error)] * 2
    assert unfinished == [record]
    Probing(a=AWAY).handler(batch(probe("a", attempt=2)))
    assert len(fakes.sqs.sent) == 4
    assert unfinished == []


def test_what_is_unfinished_is_handed_over_at_once_and_only_once(fakes: Fakes) -> None:
    record = Unfinished(name="letter", key="tic-1", content="{}")

    def handle(*_: Any) -> None:
        unfinished.append(record)

    Probing(a=handle).handler(batch(probe("a")))
    (sent,) = fakes.sqs.sent
    assert msgspec.json.decode(sent["MessageBody"], type=Trouble) == Trouble(
        function="function", reason="", unfinished=(record,)
    )
    Probing(b=Unavailable("away")).handler(batch(probe("b")))
    assert len(fakes.sqs.sent) == 1


def test_many_that_are_unfinished_travel_in_several_messages(fakes: Fakes) -> None:
    unfinished.extend(Unfinished(name="letter", key=f"tic-{number}", content="{}") for number in range(45))
    Probing().handler(batch(probe("a")))
    told = [msgspec.json.decode(sent["MessageBody"], type=Trouble).unfinished for sent in fakes.sqs.sent]
    assert [len(some) for some in told] == [20, 20, 5]
    # None of them stands in the way of the others, or of what the function says next.
    assert len({"function", *(sent["MessageGroupId"] for sent in fakes.sqs.sent)}) == 4
    assert unfinished == []


def test_a_cause_that_cannot_be_written_is_told_too(fakes: Fakes) -> None:
    fakes.dynamodb.answers = [AWAY]
    Probing(a=Reject("no")).handler(batch(probe("a", attempt=2)))
    assert len(fakes.sqs.sent) == 1


def test_near_its_death_a_message_is_attempted_in_any_weather(fakes: Fakes) -> None:
    probing = Probing(a=AWAY, b=AWAY)
    probing.handler(batch(probe("a", attempt=5), probe("b", attempt=5), probe("c", attempt=4), probe("d", attempt=3)))
    assert probing.seen == ["a", "b", "c"]


def test_without_a_queue_to_tell_nobody_is_told(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAUSE_QUEUE_URL")
    Probing(a=AWAY).handler(batch(probe("a", attempt=2)))
    assert fakes.sqs.sent == []
