"""How a batch spends its time: each step has its share, and nothing is begun that cannot be done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from functions.runtime import clients, conclusion, consumer, park, publisher
from functions.runtime import probe as asking
from functions.runtime.errors import OutOfTime, Reject
from tests.fixtures import Context
from tests.functions.events import batch, delivered, failed
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.probe import Probing, probe
from tests.functions.runtime.test_tracing import Logged
from tests.sample.contracts import TicketOpened
from tests.sample.messages import opened


@dataclass
class Clock:
    """A monotonic clock on which time passes only while somebody says so."""

    now: float = 1000.0

    def takes(self, seconds: float) -> Callable[..., None]:
        """What takes so long and has no events."""

        def act(*_: Any) -> None:
            self.now += seconds

        return act


@pytest.fixture
def clock(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def shares(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that each step was given, in turn."""
    given: list[float] = []

    def within(seconds: float, body: Callable[[], Any]) -> Any:
        given.append(round(seconds, 3))
        return body()

    for module in (consumer, conclusion, park, publisher):
        monkeypatch.setattr(module, "within", within)
    return given


BATCH = [
    2.5,  # to expect the worst of a last attempt
    *(25, 25),  # to read the message, and to handle it
    27.5,  # to publish
    *(11.8, 17.7, 29.5),  # to record, to hide, to tell
]


def test_each_step_of_a_batch_has_its_share_of_thirty_seconds(fakes: Fakes, shares: list[float]) -> None:
    Probing().handler(batch(probe("a", attempt=5)), Context(30))
    assert shares == BATCH[:4]
    shares.clear()
    Probing(a=RuntimeError()).handler(batch(probe("a", attempt=5)), Context(30))
    assert shares == BATCH[:3] + BATCH[4:]


def test_each_part_of_a_denied_call_may_take_what_is_left(fakes: Fakes, shares: list[float]) -> None:
    fakes.events.answers = [refusal("AccessDeniedException", "PutEvents")]
    assert failed(Probing().handler(batch(probe("a"), probe("b")), Context(30))) == []
    assert shares == [25] * 2 + [26.25] * 2 + [27.5] * 3, "beside others, who was held up has a moment more"


def test_on_a_queue_that_parks_half_of_a_share_is_for_places(
    fakes: Fakes, shares: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ON_POISON", "park")
    monkeypatch.setenv("PARKED_TABLE", "parked")
    monkeypatch.setattr(fakes.dynamodb, "batch_get_item", lambda **_: {"Responses": {}}, raising=False)
    monkeypatch.setattr(fakes.dynamodb, "update_item", lambda **_: {})
    quiet = Probing(a=lambda *_: None)
    quiet.handler(batch(probe("a", group="g", attempt=2)), Context(30))
    assert shares == [12.5, 25, 25, 14.75]


def test_a_question_has_the_share_of_handling(fakes: Fakes, shares: list[float]) -> None:
    with pytest.raises(ValueError, match="asked to probe by another event"):
        Probing().handler({"probe": 7}, Context(30))
    assert shares == [25]


@pytest.mark.parametrize(
    ("remaining", "times", "begun"),
    [
        (36, [5] * 9, 6),  # six seconds are left, which is what five take and a fifth more
        (35.9, [5] * 9, 5),
        (36, [2, 8, 2, 8, 5, 5, 5], 6),
        (36, [1, 30, 1], 2),
        (36, [31, 1], 1),
        (36, [30.9, 1], 1),
        (6, [1] * 9, 4),
        (0.6, [0.1], 1),
        (0, [0.1], 0),
    ],
)
def test_a_message_is_begun_if_there_is_time_for_one_that_takes_a_fifth_more_than_those_before(
    fakes: Fakes, clock: Clock, remaining: float, times: list[float], begun: int
) -> None:
    names = "abcdefghi"[: len(times)]
    probing = Probing(**{name: clock.takes(each) for name, each in zip(names, times, strict=True)})
    assert failed(probing.handler(batch(*map(probe, names)), Context(remaining))) == list(names[begun:])
    assert probing.seen == list(names[:begun])


def test_who_was_not_begun_comes_back_when_those_before_it_are_done(fakes: Fakes, clock: Clock, logged: Logged) -> None:
    probing = Probing(a=clock.takes(7), b=clock.takes(17))
    probing.handler(batch(*map(probe, "abcde")), Context(30))
    assert fakes.sqs.visibility == {"c": 0, "d": 12, "e": 24}
    assert {line["error_type"] for line in logged() if line.get("message") == "retried"} == {"NotAttempted"}


def test_where_none_was_begun_all_come_back_at_once(
    fakes: Fakes, clock: Clock, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "_expect_the_worst", clock.takes(25))
    probing = Probing()
    assert failed(probing.handler(batch(*map(probe, "abc")), Context(30))) == ["a", "b", "c"]
    assert (probing.seen, fakes.sqs.visibility) == ([], {"a": 0, "b": 0, "c": 0})
    assert {line["error_type"] for line in logged() if line.get("message") == "retried"} == {"NotAttempted"}


def test_whoever_waited_longest_does_not_overtake_another_in_a_fifo_queue(fakes: Fakes) -> None:
    probing = Probing()
    probing.handler(batch(probe("a", group="g"), probe("b", group="h", attempt=3), probe("c", group="g", attempt=2)))
    assert [name for name in probing.seen if name != "b"] == ["a", "c"]


def test_what_is_all_done_at_the_last_moment_says_no_more(fakes: Fakes, clock: Clock, logged: Logged) -> None:
    assert failed(Probing(a=clock.takes(31)).handler(batch(probe("a")), Context(30))) == []
    assert [line["message"] for line in logged() if "message" in line] == ["processed"]


def test_what_there_is_no_time_for_is_logged(fakes: Fakes, clock: Clock, logged: Logged) -> None:
    def late(*_: Any) -> None:
        clock.now += 31
        raise Reject("no")

    assert failed(Probing(a=late).handler(batch(probe("a")), Context(30))) == ["a"]
    said = [(line["level"], line["message"]) for line in logged() if "error_type" not in line and "message" in line]
    assert said == [
        ("WARNING", "no time to record the causes"),
        ("WARNING", "no time to set the visibility"),
        ("WARNING", "no time to say that a service is away"),
    ]


def test_a_mistake_of_ours_in_a_step_is_logged_and_costs_no_other_step(
    fakes: Fakes, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("a bug of ours")

    for module, name in ((conclusion, "note"), (consumer, "note_last_attempts"), (conclusion, "hide_failures")):
        monkeypatch.setattr(module, name, broken)
    assert failed(Probing(a=RuntimeError()).handler(batch(probe("a", attempt=5)))) == ["a"]
    said = [line for line in logged() if line.get("message", "").startswith("failed to")]
    assert [line["message"].removeprefix("failed to ") for line in said] == [
        *("expect the worst of last attempts", "record the causes", "set the visibility")
    ]
    for line in said:
        assert (line["level"], line["error_type"], line["error"]) == ("ERROR", "KeyError", "'a bug of ours'")


def test_outside_of_a_queue_nothing_is_hidden_and_nobody_complains(
    fakes: Fakes, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUEUE_URL")
    monkeypatch.delenv("FAILURES_TABLE")
    assert failed(Probing(a=RuntimeError()).handler(batch(probe("a", attempt=5)))) == ["a"]
    assert (fakes.sqs.calls, fakes.dynamodb.calls) == ([], [])
    assert [line["message"] for line in logged() if "message" in line] == ["retried"]


# What hangs is interrupted, and its client is not used again.


@pytest.fixture
def owned(fakes: Fakes) -> set[str]:
    """The clients that are there, as if the process had made them."""
    clients._own.update(clients.made)
    return {*clients.made}


def hang(*_: Any, **__: Any) -> None:
    raise OutOfTime("The function's time ran out.")


def test_an_event_whose_publication_hangs_is_not_told_by_the_same_client(
    fakes: Fakes, owned: set[str], logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients._own.intersection_update({"events"})
    monkeypatch.setattr(fakes.events, "put_events", hang)
    assert failed(Probing().handler(batch(probe("a")))) == ["a"]
    assert {*clients.made} == owned - {"events"}
    (line,) = [line for line in logged() if line.get("message_id") == "a"]
    assert (line["error_type"], line["error"]) == ("Unavailable", "The function's time ran out in PutEvents.")


@pytest.mark.parametrize(
    ("running", "error_type", "error"),
    [
        (None, "OutOfTime", "The function's time ran out."),
        ("dynamodb", "Unavailable", "The function's time ran out in a call to dynamodb."),
    ],
)
def test_a_message_that_hangs_says_in_what(
    fakes: Fakes, owned: set[str], logged: Logged, running: str | None, error_type: str, error: str
) -> None:
    clients._own.intersection_update({"events"})

    def hangs(*_: Any) -> None:
        clients._running.set((running, 0.0) if running else None)
        hang()

    assert failed(Probing(a=hangs).handler(batch(probe("a")))) == ["a"]
    assert {*clients.made} == owned - {"events"}
    (line,) = [line for line in logged() if line.get("message_id") == "a"]
    assert (line["error_type"], line["error"]) == (error_type, error)


def test_an_event_at_which_its_consumer_hangs_is_told_by_its_story(fakes: Fakes, logged: Logged) -> None:
    handler = consumer.consumer(hang, accepts=TicketOpened)
    assert failed(handler(batch(delivered(opened(), message_id="m", event_id="e1")))) == ["m"]
    line, _ = logged()
    assert (line["error_type"], line["event_id"], line["correlation_id"]) == ("OutOfTime", "e1", "corr-1")


def test_a_step_that_hangs_leaves_its_client_to_nobody(
    fakes: Fakes, owned: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clients._own.intersection_update({"dynamodb"})
    monkeypatch.setattr(fakes.dynamodb, "update_item", hang)
    Probing(a=RuntimeError()).handler(batch(probe("a")))
    assert {*clients.made} == owned - {"dynamodb"}


def test_a_question_that_hangs_leaves_its_clients_to_nobody(
    fakes: Fakes, owned: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clients._own.intersection_update({"dynamodb"})
    monkeypatch.setattr(asking, "condition", hang)
    assert Probing().handler({"probe": {}}) == {"away": ["The time ran out while the services were asked."]}
    assert {*clients.made} == owned - {"dynamodb"}
