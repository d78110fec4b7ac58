"""When a failed message comes back."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.runtime.errors import Busy, GroupBlocked, GroupParked, NotAttempted, Reject, Retry, Unavailable
from functions.runtime.outcome import Failure
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.visibility import MARGIN, backoff, blocked, delay
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.probe import Probing, probe
from tests.functions.runtime.test_tracing import Logged

SETTINGS = Settings.read()
BOOM = RuntimeError("boom")


def at(attempt: int, age: float = 0) -> Record:
    return Record.read(probe("a", attempt=attempt, sent=time.time() - age))


@given(st.integers(1, 1000))
def test_the_wait_doubles_up_to_the_cap_and_is_jittered_down_to_half(attempt: int) -> None:
    ceiling = min(SETTINGS.backoff_cap, SETTINGS.backoff_base * 2.0 ** (attempt - 1))
    assert ceiling / 2 <= backoff(attempt, SETTINGS) <= ceiling


def test_two_waits_differ() -> None:
    assert len({backoff(5, SETTINGS) for _ in range(5)}) > 1


def test_a_retry_may_ask_for_its_own_wait_within_what_sqs_allows() -> None:
    assert delay(at(1), Retry("later", delay=60), SETTINGS) == 60
    assert delay(at(1), Retry("later", delay=10**6), SETTINGS) <= 43_200


def test_who_meets_another_at_the_same_effect_looks_soon_once_and_then_when_the_other_must_be_dead() -> None:
    assert delay(at(1), Busy("another", delay=150), SETTINGS) == 10
    assert delay(at(2), Busy("another", delay=150), SETTINGS) == 150


def test_a_rejected_message_comes_back_at_once() -> None:
    assert delay(at(1), Reject("no"), SETTINGS) == 0


def test_on_a_queue_that_halts_a_rejected_message_waits_like_any_other() -> None:
    assert delay(at(3), Reject("no"), replace(SETTINGS, on_poison="halt", receives=1000)) >= 4


@given(
    receives=st.integers(3, 1000),
    retention=st.integers(60, 14 * 86_400 - 1),
    cap=st.integers(2, 11 * 3600),
    asked=st.one_of(st.none(), st.floats(0, 10**6)),
)
def test_every_receive_happens_before_the_message_expires(
    receives: int, retention: int, cap: int, asked: float | None
) -> None:
    settings = replace(SETTINGS, receives=receives, retention=retention, backoff_cap=cap)
    age = 0.0
    for attempt in range(1, receives + 1):
        age += delay(at(attempt, age), Retry("again", delay=asked), settings)
    assert age <= 0.9 * retention + 1


def test_a_group_comes_back_behind_its_head(fakes: Fakes) -> None:
    probing = Probing(a1=RuntimeError())
    records = [probe("a1", group="a", attempt=3), probe("a2", group="a"), probe("a3", group="a")]
    probing.handler(batch(*records))
    head = fakes.sqs.visibility["a1"]
    assert 4 <= head <= 8
    assert fakes.sqs.visibility["a2"] == pytest.approx(head + MARGIN, abs=1)
    assert fakes.sqs.visibility["a3"] == pytest.approx(head + MARGIN, abs=1)


def test_a_rejected_head_is_tried_again_alone(fakes: Fakes) -> None:
    Probing(a1=Reject("no")).handler(batch(probe("a1", group="a"), probe("a2", group="a")))
    assert fakes.sqs.visibility == {"a1": 0, "a2": MARGIN}


def test_whoever_stands_behind_a_dead_head_waits_by_place(fakes: Fakes) -> None:
    records = [probe(f"a{place}", group="a", attempt=3) for place in range(4)]
    others = [probe("b0", group="b"), probe("b1", group="b", attempt=3)]
    Probing(a0=Reject("no"), b0=Reject("no")).handler(batch(*records, *others))
    assert fakes.sqs.visibility == {"a0": 0, "a1": 5, "a2": 10, "a3": 15, "b0": 0, "b1": 5}


def test_on_a_queue_that_halts_a_follower_waits_for_its_head_and_no_end_of_it() -> None:
    halting = replace(SETTINGS, on_poison="halt", receives=1000)
    head = Failure(at(3), BOOM, "")
    follower = Failure.not_attempted(at(3), GroupBlocked(""), head=head, place=4)
    assert blocked(7, head, follower, halting) == 7 + MARGIN


def test_what_was_not_attempted_comes_back_when_its_turn_is_and_what_follows_a_dead_message_at_once() -> None:
    assert delay(at(2), NotAttempted("late", delay=7.5), SETTINGS) == 7.5
    assert delay(at(2), GroupParked("behind k"), SETTINGS) == 0
    assert delay(at(2), GroupParked("behind k"), replace(SETTINGS, on_poison="halt")) == 0


def test_no_wait_is_longer_than_sqs_hides_a_message_that_the_longest_function_has_held() -> None:
    long = replace(SETTINGS, retention=14 * 86_400)
    assert delay(at(1), Retry("later", delay=10**6), long) == 12 * 3600 - 900
    assert delay(Record.read(probe("a")), Retry("later", delay=-5), long) == 0


def test_a_follower_that_waited_in_vain_waits_until_its_head_is_gone() -> None:
    rest = 2 * 2 + 2 * 4 + 2 * 8  # after the head's second, third and fourth failure; after its fifth SQS moves it
    assert behind(BOOM, attempt=1) == 1 + MARGIN
    assert behind(BOOM, attempt=2) == 1 + MARGIN + rest
    assert behind(BOOM, attempt=2, place=9) == 1 + MARGIN + rest  # one dead head costs no more than its own time
    assert behind(Reject("no"), attempt=2, place=9) == 1 + MARGIN


def test_a_follower_behind_a_second_dead_head_waits_its_place() -> None:
    rest = 2 * 2 + 2 * 4 + 2 * 8
    whole = 2 + rest
    assert behind(BOOM, attempt=3, place=1) == 1 + MARGIN + rest
    assert behind(BOOM, attempt=3, place=4) == 1 + MARGIN + rest + 3 * (whole + MARGIN)
    assert behind(Reject("no"), attempt=3, place=4) == 1 + MARGIN + 3 * MARGIN
    # With one receive left nobody is a quick one.
    assert behind(Reject("no"), attempt=4, place=4) == 1 + MARGIN + 3 * (whole + MARGIN)


def test_behind_a_head_that_waits_for_a_service_nobody_waits_longer_while_there_are_receives() -> None:
    assert behind(Unavailable("away"), attempt=2, place=9) == 1 + MARGIN
    assert behind(Unavailable("away"), attempt=3, place=1) == 1 + MARGIN + 90 + 600 + 3600


def behind(error: BaseException, *, attempt: int, place: int = 1) -> float:
    head = Failure(at(1), error, "")
    return blocked(1, head, Failure.not_attempted(at(attempt), GroupBlocked(""), head=head, place=place), SETTINGS)


@pytest.mark.parametrize("error", [Unavailable("away"), refusal("ThrottlingException")])
def test_what_met_a_service_that_is_away_waits_longer_than_pausing_takes(error: Exception) -> None:
    assert all(60 <= delay(at(attempt), error, SETTINGS) <= 90 for attempt in (1, 2))


def test_the_last_receives_outlast_a_night_without_a_breaker() -> None:
    assert 2400 <= delay(at(3), Unavailable("away"), SETTINGS) <= 3600
    assert 7 * 3600 <= delay(at(4), Unavailable("away"), SETTINGS) <= 11 * 3600


AWAY = Unavailable("away")


@pytest.mark.parametrize(
    ("receives", "attempt", "group", "longest"),
    [
        *((5, attempt, None, longest) for attempt, longest in ((1, 90), (2, 90), (3, 3600), (4, 39_600), (5, 90))),
        *((5, attempt, "g", longest) for attempt, longest in ((1, 90), (2, 90), (3, 600), (4, 3600), (5, 90))),
        *((receives, 1, group, 90) for receives in (2, 3) for group in (None, "g")),
    ],
)
def test_what_met_a_service_that_is_away_waits_by_the_receives_that_are_left(
    monkeypatch: pytest.MonkeyPatch, receives: int, attempt: int, group: str | None, longest: float
) -> None:
    settings = replace(SETTINGS, receives=receives, retention=14 * 86_400)
    record = Record.read(probe("a", attempt=attempt, group=group))
    for draw, share in ((min, 2 / 3), (max, 1)):
        monkeypatch.setattr("functions.runtime.visibility.random.uniform", draw)
        assert delay(record, AWAY, settings) == pytest.approx(longest * share)


@pytest.mark.parametrize(("attempt", "most"), [(1, 2), (2, 4), (3, 8), (4, 16), (9, 512), (10, 900), (99, 900)])
def test_a_failure_of_its_own_waits_between_half_and_all_of_what_doubles(
    monkeypatch: pytest.MonkeyPatch, attempt: int, most: float
) -> None:
    settings = replace(SETTINGS, receives=1000, retention=14 * 86_400, backoff_base=2, backoff_cap=900)
    for draw, share in ((min, 0.5), (max, 1)):
        monkeypatch.setattr("functions.runtime.visibility.random.uniform", draw)
        assert delay(at(attempt), BOOM, settings) == most * share


@pytest.mark.parametrize(("attempt", "turns"), [(1, 5), (3, 3), (5, 1), (6, 1), (9, 1)])
def test_a_wait_leaves_each_receive_its_turn_within_nine_tenths_of_the_retention(
    monkeypatch: pytest.MonkeyPatch, attempt: int, turns: int
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_300_000.0)
    settings, asks = replace(SETTINGS, retention=10_000), Retry("later", delay=10**6)
    assert delay(at(attempt, age=1_000), asks, settings) == pytest.approx((9_000 - 1_000) / turns)
    assert delay(at(attempt, age=-1_000), asks, settings) == pytest.approx(9_000 / turns), "by a clock that is behind"
    unsent = probe("a", attempt=attempt)
    del unsent["attributes"]["SentTimestamp"]
    assert delay(Record.read(unsent), asks, settings) == pytest.approx(9_000 / turns)


def test_a_message_that_was_not_attempted_stands_behind_nobody_unless_that_is_said() -> None:
    record = at(1)
    assert Failure.not_attempted(record, BOOM) == Failure(record, BOOM, "boom", None, None, 0, unpublished=False)


def test_in_a_group_where_others_wait_they_outlast_an_hour() -> None:
    head = Record.read(probe("a", attempt=4, group="g"))
    assert 2400 <= delay(head, Unavailable("away"), SETTINGS) <= 3600


def test_a_wait_that_is_no_number_fails_in_the_handler() -> None:
    assert Retry("later", delay="120").delay == 120  # type: ignore[arg-type]
    for odd in ("soon", float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"soon|cannot wait"):
            Retry("later", delay=odd)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [refusal("ReceiptHandleIsInvalid"), EndpointConnectionError(endpoint_url="https://x")]
)
def test_visibility_is_set_by_ten_and_one_ten_that_cannot_be_set_stops_no_other(
    fakes: Fakes, logged: Logged, error: Exception
) -> None:
    fakes.sqs.answers = [None, error]
    names = [f"m{number}" for number in range(25)]
    report = Probing(**dict.fromkeys(names, BOOM)).handler(batch(*map(probe, names)))
    assert failed(report) == names
    assert [len(call["Entries"]) for call in fakes.sqs.calls] == [10, 10, 5]
    assert {*fakes.sqs.visibility} == {*names[:10], *names[20:]}
    (line,) = [line for line in logged() if line.get("message") == "visibility not set"]
    assert (line["level"], line["error"]) == ("WARNING", str(error))


def test_a_message_whose_visibility_sqs_refuses_is_told_with_its_reason_and_the_others_are_hidden(
    fakes: Fakes, logged: Logged
) -> None:
    refused = {"Id": "0", "Code": "MessageNotInflight", "Message": "It is visible.", "SenderFault": True}
    fakes.sqs.answers = [{"Successful": [{"Id": "1"}], "Failed": [refused]}]
    assert failed(Probing(a=BOOM, b=BOOM).handler(batch(probe("a"), probe("b")))) == ["a", "b"]
    assert {*fakes.sqs.visibility} == {"b"}
    (line,) = [line for line in logged() if line.get("message") == "visibility not set"]
    assert (line["level"], line["code"], line["error"]) == ("WARNING", "MessageNotInflight", "It is visible.")


def test_a_success_sets_no_visibility(fakes: Fakes) -> None:
    Probing().handler(batch(probe("a")))
    assert fakes.sqs.calls == []
