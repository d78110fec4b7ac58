"""The consumer: each record on its own, groups in order, a report and never an exception."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, ClassVar

import pytest

from functions.contracts.contract import Event
from functions.runtime.consumer import Consumer, consumer
from functions.runtime.errors import Reject, Retry
from functions.runtime.message import Message
from functions.runtime.outcome import Duplicate
from tests.fixtures import Context
from tests.functions.events import batch, delivered, failed, record
from tests.functions.fakes import Fakes, refusal, taken
from tests.functions.runtime.probe import Probe, Probed, Probing, probe
from tests.functions.runtime.test_tracing import Logged


def test_an_empty_batch_is_a_success(fakes: Fakes) -> None:
    assert Probing().handler({"Records": []}) == {"batchItemFailures": []}


def test_an_event_that_is_no_batch_says_so(fakes: Fakes) -> None:
    with pytest.raises(ValueError, match="SQS batches"):
        Probing().handler({"source": "aws.events"})


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("boom"),
        Retry("later"),
        Reject("never"),
        SystemExit(1),
        asyncio.CancelledError(),
        MemoryError(),
        RecursionError(),
        GeneratorExit(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_handler_raises_fails_its_record_alone(fakes: Fakes, error: BaseException) -> None:
    probing = Probing(b=error)
    assert failed(probing.handler(batch(probe("a"), probe("b"), probe("c")))) == ["b"]
    assert probing.seen == ["a", "b", "c"]
    assert fakes.dynamodb.causes["b"]["error_type"] == type(error).__name__
    assert {envelope["data"]["name"] for envelope in fakes.events.envelopes} == {"a", "c"}


def test_an_interrupt_by_a_person_is_not_swallowed(fakes: Fakes) -> None:
    with pytest.raises(KeyboardInterrupt):
        Probing(a=KeyboardInterrupt()).handler(batch(probe("a")))


def test_a_wholly_failed_batch_is_a_report_and_not_an_exception(fakes: Fakes) -> None:
    probing = Probing(a=RuntimeError(), b=Reject("no"))
    assert failed(probing.handler(batch(probe("a"), probe("b")))) == ["a", "b"]


def test_a_message_that_comes_twice_in_a_batch_is_handled_and_reported_once(fakes: Fakes) -> None:
    probing = Probing(b=RuntimeError())
    assert failed(probing.handler(batch(probe("a"), probe("b"), probe("a"), probe("b")))) == ["b"]
    assert probing.seen == ["a", "b"]


def test_a_handler_that_returns_nothing_publishes_nothing_and_succeeds(fakes: Fakes) -> None:
    assert failed(Probing(a=lambda *_: None).handler(batch(probe("a")))) == []
    assert fakes.events.calls == []


def test_a_generator_is_run_to_its_end_before_anything_is_published(fakes: Fakes) -> None:
    def broken(probe: Probe, message: Message) -> Iterable[Event]:
        yield Probed(name="half")
        raise RuntimeError

    assert failed(Probing(a=broken).handler(batch(probe("a")))) == ["a"]
    assert fakes.events.calls == []


def test_an_async_handler_is_refused_where_it_is_made() -> None:
    async def handle(probe: Probe, message: Message) -> Iterable[Event]:
        return ()

    async def generate(probe: Probe, message: Message) -> AsyncIterator[Event]:
        yield Probed(name="a")

    for each in (handle, generate):
        with pytest.raises(TypeError, match=f"^{each.__name__} is async; a consumer's handler is a plain function"):
            consumer(each, accepts=Probe)  # type: ignore[arg-type]


def test_a_handler_that_returns_a_coroutine_fails_because_nothing_ran(fakes: Fakes) -> None:
    async def later() -> None:
        raise AssertionError("it must not run")

    probing = Probing(a=lambda *_: later())  # type: ignore[arg-type]
    assert failed(probing.handler(batch(probe("a")))) == ["a"]
    assert "returned an awaitable" in fakes.dynamodb.causes["a"]["error_message"]


def test_what_is_no_event_is_rejected(fakes: Fakes) -> None:
    probing = Probing(a=lambda *_: [{"name": "a"}])
    assert failed(probing.handler(batch(probe("a")))) == ["a"]
    assert fakes.dynamodb.causes["a"]["error_type"] == "Reject"


def test_a_binary_or_odd_attribute_counts_as_absent(fakes: Fakes) -> None:
    odd = probe("a")
    odd["messageAttributes"] = {
        "correlation_id": {"binaryValue": "/w==", "dataType": "Binary"},
        "idempotency_key": None,
        "tenant": {},
    }
    assert failed(Probing().handler(batch(odd))) == []
    assert fakes.events.envelopes[0]["correlation_id"] == "a"


@pytest.mark.parametrize("body", ["", "{", "[]", '{"nome": "a"}', '{"name": 1}', '"\ud800"', "[" * 100_000, "null"])
def test_a_body_that_does_not_decode_is_rejected_alone(fakes: Fakes, body: str) -> None:
    assert failed(Probing().handler(batch(record(body, message_id="bad"), probe("a")))) == ["bad"]
    assert fakes.dynamodb.causes["bad"]["error_type"] == "Reject"


def test_a_group_stops_at_its_first_failure_and_other_groups_go_on(fakes: Fakes) -> None:
    probing = Probing(a2=RuntimeError("boom"))
    records = [("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b"), ("a3", "a"), ("c1", "c")]
    assert failed(probing.handler(batch(*(probe(name, group=group) for name, group in records)))) == ["a2", "a3"]
    assert sorted(probing.seen, key=lambda name: name[0]) == ["a1", "a2", "b1", "b2", "c1"]


def test_groups_of_a_standard_queue_are_tenants_and_keep_no_order(fakes: Fakes) -> None:
    probing = Probing(a1=RuntimeError("boom"))
    records = [probe(name, group="tenant", queue="q") for name in ("a1", "a2")]
    assert failed(probing.handler(batch(*records))) == ["a1"]


def test_ids_of_events_derive_from_cause_type_and_index_alone(fakes: Fakes) -> None:
    probing = Probing(a=lambda *_: [Probed(name="x"), Probed(name="x")])
    probing.handler(batch(probe("a", message_id="first")))
    probing.handler(batch(probe("a", message_id="after-redrive", attempt=3)))
    ids = [envelope["id"] for envelope in fakes.events.envelopes]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2


def test_an_idempotency_key_counts_within_its_group(fakes: Fakes) -> None:
    class Keyed(Probe, frozen=True, kw_only=True):
        business_key = None

    seen: list[str] = []

    def handle(command: Keyed, message: Message) -> None:
        seen.append(message.cause)

    handler = consumer(handle, accepts=Keyed)
    for group in ("g1", "g2"):
        handler(batch(record(Keyed(name="a"), queue="q.fifo", group=group, idempotency_key="k")))
    for tenant in ("tenant-1", None):
        handler(batch(record(Keyed(name="a"), queue="q", group=tenant, idempotency_key="k")))
    assert seen == ["Keyed/g1/k", "Keyed/g2/k", "Keyed/k", "Keyed/k"], "a standard queue's group is who shares it"
    Probing(a=lambda _, message: seen.append(message.cause)).handler(batch(probe("a", group="g")))
    assert seen[-1] == "Probe/a", "a business key counts in all groups"


def test_the_context_is_known_while_handling_and_forgotten_after(fakes: Fakes, context: Context) -> None:
    from functions.runtime.deadline import invocation

    seen: list[Any] = []
    Probing(a=lambda *_: seen.append(invocation.get())).handler(batch(probe("a")), context)
    assert seen == [context]
    assert invocation.get() is None


def test_a_duplicate_is_counted_and_publishes_again(fakes: Fakes, logged: Any) -> None:
    Probing(a=lambda *_: Duplicate([Probed(name="a")])).handler(batch(probe("a")))
    (line,) = [line for line in logged() if "_aws" in line]
    assert (line["Processed"], line["Duplicates"]) == (1, 1)
    assert len(fakes.events.envelopes) == 1


def test_on_lambda_the_clients_are_made_with_the_consumer_and_elsewhere_when_they_are_used(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, ...]] = []
    monkeypatch.setattr("functions.runtime.consumer.warm", lambda *services: made.append(services))
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    consumer(lambda *_: None, accepts=Probe, services=("sesv2",))
    assert made == []
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    consumer(lambda *_: None, accepts=Probe, services=("sesv2",))
    monkeypatch.delenv("BUS_NAME")
    consumer(lambda *_: None, accepts=Probe)
    assert made == [("dynamodb", "events", "sesv2"), ("dynamodb",)]


def test_a_consumer_knows_what_it_accepts_and_who_handles_it() -> None:
    def handle(*_: Any) -> None:
        """Nothing."""

    one, two = consumer(handle, accepts=Probe), consumer(handle, accepts=(Heard, Probed))
    assert (one.accepts, two.accepts, one.handle) == ((Probe,), (Heard, Probed), handle)
    assert Consumer(handle, (Probe,))({"Records": []}) == {"batchItemFailures": []}


def test_an_effect_whose_event_is_not_taken_is_told_as_unpublished_and_by_its_story(
    fakes: Fakes, logged: Logged
) -> None:
    fakes.events.answers = [taken("MalformedDetail", None)]
    handler = consumer(lambda heard, _: [Probed(name=heard.name)], accepts=Heard)
    records = [delivered(Heard(name=name), message_id=name, event_id=f"e-{name}") for name in "ab"]
    assert failed(handler(batch(*records))) == ["a"]
    first, second, numbers = logged()
    told = (second["message_id"], second["message"], second["event_id"], second["correlation_id"], second["error"])
    assert told == ("a", "rejected", "e-a", "corr-1", "EventBridge refused Probed: MalformedDetail: no")
    assert (first["message_id"], first["message"]) == ("b", "processed")
    assert (numbers["PublishFailures"], numbers["Processed"], numbers["Rejected"]) == (1, 1, 1)


def test_who_keeps_its_place_is_told_by_its_story_and_why(
    fakes: Fakes, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ON_POISON", "park")
    monkeypatch.setenv("PARKED_TABLE", "parked")
    places: list[Any] = [{}, refusal("InternalServerError", status=500)]

    def update_item(**arguments: Any) -> Any:
        answer = places.pop(0) if arguments["TableName"] == "parked" else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(fakes.dynamodb, "batch_get_item", lambda **_: {"Responses": {}}, raising=False)
    monkeypatch.setattr(fakes.dynamodb, "update_item", update_item)
    handler = consumer(lambda *_: None, accepts=Heard)
    record = delivered(Heard(name="a"), message_id="a", queue="q.fifo", group="g", attempt=2)
    assert failed(handler(batch(record))) == ["a"]
    line, _ = logged()
    assert (line["message"], line["error_type"], line["event_id"]) == ("retried", "Unavailable", "event-1")
    assert line["error"].startswith("It is done, but could not give up its place in its group: ")


def test_what_follows_a_dead_message_of_its_group_comes_back_at_once(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ON_POISON", "park")
    monkeypatch.setenv("PARKED_TABLE", "parked")
    item = {"group": {"S": "function/g"}, "s1": {"S": "9999999999 dead@1"}, "turn": {"S": "t"}}
    monkeypatch.setattr(fakes.dynamodb, "batch_get_item", lambda **_: {"Responses": {"parked": [item]}}, raising=False)
    monkeypatch.setattr(fakes.dynamodb, "update_item", lambda **_: {})
    records = [probe("a", group="g"), probe("b", group="g"), probe("c", group="h")]
    assert failed(Probing(c=RuntimeError()).handler(batch(*records))) == ["a", "b", "c"]
    assert (fakes.sqs.visibility["a"], fakes.sqs.visibility["b"]) == (0, 0)


def test_a_consumer_of_a_command_and_an_event_is_refused() -> None:
    with pytest.raises(TypeError, match="one command or some events"):
        consumer(lambda *_: None, accepts=(Probe, Probed))


class Heard(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "probes"

    name: str


@pytest.mark.parametrize(
    ("changes", "again", "told"),
    [
        ({"replayed": "replay-1"}, True, False),
        ({"replayed": "replay-1"}, False, True),
        ({}, True, True),
        ({"replayed": "replay-1", "attempt": 2}, True, True),
        ({"replayed": "replay-1", "redriven": "run-1 2"}, True, True),
    ],
    ids=["replayed", "replayed, done now", "not replayed", "replayed, tried before", "replayed, redriven"],
)
def test_what_a_replay_finds_done_is_told_to_nobody_unless_this_message_itself_may_have_done_it(
    fakes: Fakes, logged: Logged, changes: dict[str, Any], again: bool, told: bool
) -> None:
    def handle(heard: Heard, message: Message) -> Iterable[Event]:
        events = [Probed(name=heard.name), Probed(name="second")]
        return Duplicate(events) if again else events

    handler = consumer(handle, accepts=Heard)
    assert failed(handler(batch(delivered(Heard(name="a"), message_id="m1", **changes)))) == []
    assert [each["data"]["name"] for each in fakes.events.envelopes] == (["a", "second"] if told else [])
    (line,) = [line for line in logged() if line.get("message_id") == "m1"]
    assert line["message"] == ("duplicate" if again else "processed")
    assert (line.get("untold"), len(line.get("published", []))) == ((None, 2) if told else (2, 0))
