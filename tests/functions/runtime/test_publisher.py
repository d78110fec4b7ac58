"""Events of a batch go out together, and what cannot go fails exactly the records that caused it."""

from __future__ import annotations

import re
import time
import uuid
from itertools import pairwise
from operator import attrgetter

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.runtime import publisher
from functions.runtime.chunks import chunks, message_size
from functions.runtime.errors import Reject, Retry, Unavailable
from functions.runtime.message import Message
from functions.runtime.publisher import Entry
from functions.runtime.settings import Settings
from stacks.names import BUS, PROJECT, resource
from tests.fixtures import STAGE
from tests.functions.events import batch, failed
from tests.functions.fakes import Fakes, refusal, taken
from tests.functions.runtime.probe import Probed, Probing, probe

MESSAGE = Message(id="m", key="k", cause="OpenTicket/tic-1", causation_id="m", correlation_id="c")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def names(fakes: Fakes) -> list[str]:
    return [envelope["data"]["name"] for envelope in fakes.events.envelopes]


def test_a_batch_is_one_call_without_a_pause(fakes: Fakes, no_pauses: list[float]) -> None:
    Probing().handler(batch(*(probe(f"m{number}") for number in range(10))))
    assert [len(call["Entries"]) for call in fakes.events.calls] == [10]
    assert no_pauses == []


def test_without_events_nothing_is_asked_of_a_bus() -> None:
    assert publisher.publish([], Settings(), seconds=5) == {}


def test_an_envelope_says_what_when_and_why(fakes: Fakes) -> None:
    record = probe("a", correlation_id="corr-1", tenant="blue")
    record["attributes"]["AWSTraceHeader"] = "Root=1-5759e988-bd862e3fe1be46a994272793"
    Probing().handler(batch(record))
    (envelope,) = fakes.events.envelopes
    assert uuid.UUID(envelope.pop("id")).version == 5
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", envelope.pop("time"))
    assert envelope == {
        "type": "Probed",
        "version": 1,
        "source": f"{PROJECT}.probes",
        "correlation_id": "corr-1",
        "causation_id": "a",
        "tenant": "blue",
        "data": {"name": "a", "padding": ""},
    }
    (entry,) = fakes.events.calls[0]["Entries"]
    assert entry["TraceHeader"] == "Root=1-5759e988-bd862e3fe1be46a994272793"
    assert (entry["Source"], entry["DetailType"]) == (f"{PROJECT}.probes", "Probed")
    assert entry["EventBusName"] == resource(STAGE, BUS)


def test_only_failed_entries_are_tried_again(fakes: Fakes, no_pauses: list[float]) -> None:
    fakes.events.answers = [taken(None, "ThrottlingException", None), taken("InternalFailure")]
    assert failed(Probing().handler(batch(probe("a"), probe("b"), probe("c")))) == []
    assert [len(call["Entries"]) for call in fakes.events.calls] == [3, 1, 1]
    assert sorted(names(fakes)) == ["a", "b", "c"]
    assert no_pauses == [0.2, 0.4]


def test_every_entry_that_failed_is_offered_again_whatever_became_of_those_before_it(fakes: Fakes) -> None:
    fakes.events.answers = [taken("InternalFailure", "MalformedDetail", None, "InternalFailure")]
    assert failed(Probing().handler(batch(*map(probe, "abcd")))) == ["b"]
    assert names(fakes) == ["c", "a", "d"]


@pytest.mark.parametrize(
    ("code", "calls", "error_type"),
    [
        # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
        *((code, 3, "Unavailable") for code in ("InternalFailure", "InternalException", "ThrottlingException")),
        *((code, 1, "Reject") for code in ("MalformedDetail", "InvalidArgument")),
        *((code, 1, "Retry") for code in ("InvalidAccountIdException", "NotAuthorizedForSourceException", "NewCode")),
    ],
)
def test_what_eventbridge_says_of_an_entry_decides_whether_it_is_offered_again_and_what_its_message_failed_of(
    fakes: Fakes, no_pauses: list[float], code: str, calls: int, error_type: str
) -> None:
    fakes.events.answers = [taken(code) for _ in range(9)]
    assert failed(Probing().handler(batch(probe("a", attempt=5)))) == ["a"]
    assert len(fakes.events.calls) == calls
    assert no_pauses == [0.2, 0.4][: calls - 1]
    cause = fakes.dynamodb.causes["a"]
    assert cause["error_type"] == error_type
    refused, untaken = f"EventBridge refused Probed: {code}: no", f"EventBridge did not take Probed: {code}."
    assert cause["error_message"] == (refused if calls == 1 else untaken)


@pytest.mark.parametrize(("seconds", "calls"), [(0.15, 1), (0.2, 1), (0.3, 2), (60, 3)])
def test_nothing_is_offered_again_after_a_pause_that_the_time_does_not_allow(
    fakes: Fakes, settings: Settings, monkeypatch: pytest.MonkeyPatch, seconds: float, calls: int
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda pause: now.__setitem__(0, now[0] + pause))
    fakes.events.answers = [taken("InternalFailure") for _ in range(9)]
    entry = publisher.entry(Probed(name="a"), MESSAGE, 0, settings)
    (problem,) = publisher.publish([entry], settings, seconds=seconds).values()
    assert isinstance(problem, Unavailable)
    assert str(problem) == "EventBridge did not take Probed: InternalFailure."
    assert len(fakes.events.calls) == calls
    assert now[0] <= seconds


def test_the_id_of_an_event_is_what_it_has_been_since_the_first_deployment(settings: Settings) -> None:
    # What was published before a deployment is published again after it, and must be the same event.
    ids = [publisher.entry(Probed(name="a"), MESSAGE, index, settings).id for index in (0, 1)]
    assert ids == ["ffe907f2-a7f1-5b61-b9af-97d61606df6b", "74107261-66fe-5251-ba0a-e62a897c5315"]


def test_an_entry_that_keeps_failing_fails_its_record_and_no_other(fakes: Fakes) -> None:
    fakes.events.answers = [taken(None, "InternalFailure"), taken("InternalFailure"), taken("InternalFailure")]
    assert failed(Probing().handler(batch(probe("a"), probe("b")))) == ["b"]
    assert 60 <= fakes.sqs.visibility["b"] <= 90


def test_one_lost_event_of_several_fails_their_record(fakes: Fakes) -> None:
    fakes.events.answers = [taken(None, "MalformedDetail", None)]
    two = Probing(a=lambda *_: [Probed(name="1"), Probed(name="2")])
    assert failed(two.handler(batch(probe("a"), probe("b")))) == ["a"]
    assert fakes.dynamodb.causes["a"]["error_type"] == "Reject"


def test_an_event_that_the_role_may_not_put_fails_its_record_and_no_other(fakes: Fakes) -> None:
    denied = refusal("AccessDeniedException", "PutEvents")
    fakes.events.answers = [denied, taken(None), denied, taken(None)]
    answer = Probing().handler(batch(probe("a"), probe("b"), probe("c")))
    assert failed(answer) == ["b"]
    assert [len(call["Entries"]) for call in fakes.events.calls] == [3, 1, 1, 1]


def test_of_two_messages_the_one_whose_event_may_be_put_is_done(fakes: Fakes) -> None:
    denied = refusal("AccessDeniedException", "PutEvents")
    fakes.events.answers = [denied, denied, taken(None)]
    assert failed(Probing().handler(batch(probe("a"), probe("b")))) == ["a"]
    assert len(fakes.events.calls) == 3


@pytest.mark.parametrize(
    ("code", "verdict"), [("AccessDeniedException", "Retry"), ("NotAuthorizedForSourceException", "Retry")]
)
def test_a_missing_permission_is_not_retried_in_place_but_is_no_fault_of_the_message(
    fakes: Fakes, code: str, verdict: str
) -> None:
    fakes.events.answers = [taken(code)]
    assert failed(Probing().handler(batch(probe("a")))) == ["a"]
    assert len(fakes.events.calls) == 1
    assert fakes.dynamodb.causes["a"]["error_type"] == verdict


@pytest.mark.parametrize("error", [refusal("InternalException"), EndpointConnectionError(endpoint_url="https://x")])
def test_a_call_that_fails_fails_the_records_of_its_chunk(fakes: Fakes, error: Exception) -> None:
    fakes.events.answers = [None, error]
    report = Probing().handler(batch(*(probe(f"m{number}", attempt=4) for number in range(12))))
    assert failed(report) == ["m10", "m11"]
    assert f"PutEvents failed: {error}" in fakes.dynamodb.causes["m10"]["error_message"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("InternalException", status=500), Unavailable),
        (EndpointConnectionError(endpoint_url="https://x"), Unavailable),
        (refusal("ValidationException"), Retry),
    ],
    ids=repr,
)
def test_a_call_that_fails_is_the_cause_of_each_of_its_records_and_is_not_made_again(
    fakes: Fakes, settings: Settings, error: Exception, kind: type[Exception]
) -> None:
    fakes.events.answers = [error]
    messages = [replace(MESSAGE, id=name) for name in "ab"]
    entries = [publisher.entry(Probed(name="x"), message, 0, settings) for message in messages]
    problems = publisher.publish(entries, settings, seconds=5)
    assert problems.keys() == {"a", "b"}
    for problem in problems.values():
        assert type(problem) is kind
        assert (str(problem), problem.__cause__) == (f"PutEvents failed: {error}", error)
    assert len(fakes.events.calls) == 1


def test_an_answer_that_does_not_speak_of_every_entry_confirms_none(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes.events, "put_events", lambda **_: taken(None))
    assert failed(Probing().handler(batch(probe("a"), probe("b")))) == ["a", "b"]


def test_an_event_that_is_too_large_is_rejected_and_the_rest_goes_out(fakes: Fakes) -> None:
    large = Probing(a=lambda *_: [Probed(name="a", padding="x" * 1_000_000)])
    assert failed(large.handler(batch(probe("a"), probe("b")))) == ["a"]
    assert names(fakes) == ["b"]
    assert fakes.dynamodb.causes["a"]["error_type"] == "Reject"


def test_an_event_may_have_exactly_the_size_of_the_limit(settings: Settings) -> None:
    size = publisher.entry(Probed(name="a"), MESSAGE, 0, settings).size
    assert publisher.entry(Probed(name="a"), MESSAGE, 0, replace(settings, put_events_bytes=size)).size == size
    with pytest.raises(Reject, match=f"^Probed takes {size} bytes, of at most {size - 1}; make the event smaller"):
        publisher.entry(Probed(name="a"), MESSAGE, 0, replace(settings, put_events_bytes=size - 1))


def test_chunks_may_have_exactly_the_size_of_the_limit_and_ten_entries() -> None:
    def sizes(*each: int) -> list[list[int]]:
        entries = [Entry("event", str(position), {}, size) for position, size in enumerate(each)]
        return [[entry.size for entry in chunk] for chunk in chunks(entries, 1000, attrgetter("size"))]

    assert sizes(500, 500, 500, 500, 1) == [[500, 500], [500, 500], [1]]
    assert sizes(1000, 1000, 999, 1, 1) == [[1000], [1000], [999, 1], [1]]
    assert sizes(*[1] * 21) == [[1] * 10, [1] * 10, [1]]
    assert sizes() == []


def test_the_size_limit_is_a_setting(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUT_EVENTS_BYTES", "262144")
    large = Probing(a=lambda *_: [Probed(name="a", padding="x" * 262_144)])
    assert failed(large.handler(batch(probe("a")))) == ["a"]


def test_a_function_without_a_bus_says_what_is_missing(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUS_NAME")
    quiet = Probing(b=lambda *_: None)
    assert failed(quiet.handler(batch(probe("a"), probe("b")))) == ["a"]
    assert "BUS_NAME is not set" in fakes.dynamodb.causes["a"]["error_message"]


@given(st.lists(st.integers(1, 400), max_size=60))
def test_chunks_keep_the_order_and_both_limits_and_are_few(sizes: list[int]) -> None:
    entries = [Entry("event", str(position), {}, size) for position, size in enumerate(sizes)]
    made = list(chunks(entries, 1000, attrgetter("size")))
    assert [entry for chunk in made for entry in chunk] == entries
    for chunk in made:
        assert 1 <= len(chunk) <= 10
        assert sum(entry.size for entry in chunk) <= 1000
    for chunk, following in pairwise(made):
        assert len(chunk) == 10 or sum(entry.size for entry in chunk) + following[0].size > 1000


def test_the_size_of_an_entry_is_counted_as_eventbridge_counts_it(settings: Settings) -> None:
    entry = publisher.entry(Probed(name="grün"), MESSAGE, 0, settings)
    fields = (entry.entry["Source"], entry.entry["DetailType"], entry.entry["Detail"])
    assert entry.size == 14 + sum(len(field.encode()) for field in fields)


def test_the_size_of_a_message_is_counted_as_sqs_counts_it() -> None:
    attributes = {
        "grün": {"DataType": "String", "StringValue": "über"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    entry = {"Id": "0", "MessageBody": "größe", "MessageAttributes": attributes}
    assert message_size(entry) == 7 + (5 + 6 + 5) + (3 + 6 + 2)
