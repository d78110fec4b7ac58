"""A request can be followed: its trace goes on with its events, and each line says what came before and after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.runtime.consumer import consumer
from functions.runtime.errors import Retry
from functions.runtime.message import Message
from tests.functions.events import batch, delivered
from tests.functions.fakes import Fakes
from tests.functions.runtime.probe import Probed, Probing, probe
from tests.sample.contracts import TicketOpened
from tests.sample.messages import opened

Logged = Callable[[], list[dict[str, Any]]]
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
RUNNING = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad9;Sampled=0"


def traced(record: dict[str, Any], trace: str) -> dict[str, Any]:
    return record | {"attributes": record["attributes"] | {"AWSTraceHeader": trace}}


def headers(fakes: Fakes) -> list[str | None]:
    return [entry.get("TraceHeader") for call in fakes.events.calls for entry in call["Entries"]]


def test_each_event_carries_the_trace_of_its_own_message(fakes: Fakes) -> None:
    other = TRACE.replace("272793", "272794")
    Probing().handler(batch(traced(probe("a"), TRACE), traced(probe("b"), other)))
    assert headers(fakes) == [TRACE, other]


def test_a_message_without_a_trace_goes_on_in_the_one_of_its_invocation(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", RUNNING)
    Probing().handler(batch(probe("a"), traced(probe("b"), TRACE)))
    assert headers(fakes) == [RUNNING, TRACE]


def test_without_any_trace_an_event_carries_none(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    Probing().handler(batch(probe("a")))
    assert headers(fakes) == [None]


def test_the_line_of_a_request_says_when_it_came_and_which_events_it_caused(fakes: Fakes, logged: Logged) -> None:
    twice = Probing(a=lambda probe, _: [Probed(name="1"), Probed(name="2")])
    twice.handler(batch(probe("a", sent=1_795_300_000.25, received_at="1795300000111", redriven="1 run")))
    (line,) = [line for line in logged() if line.get("message_id") == "a"]
    assert (line["received_at"], line["sent"], line["redriven"]) == ("1795300000111", 1_795_300_000_250, "1 run")
    assert line["published"] == [{"type": "Probed", "id": envelope["id"]} for envelope in fakes.events.envelopes]
    assert len(line["published"]) == 2
    assert "event_id" not in line


def test_the_line_of_a_replayed_event_names_the_replay(fakes: Fakes, logged: Logged) -> None:
    def handle(event: TicketOpened, _: Message) -> None:
        if event.ticket_id == "bad":
            raise Retry("not yet")

    handler = consumer(handle, accepts=TicketOpened)
    sent = [delivered(opened(name), message_id=name, replayed=replay) for name, replay in WHENCE.items()]
    handler(batch(*sent))
    lines = {
        line["message_id"]: line.get("replayed") for line in logged() if "message_id" in line and "attempt" in line
    }
    assert lines == WHENCE


WHENCE = {"live": None, "good": "replay-1", "bad": "replay-1"}


def test_the_line_of_a_subscriber_names_its_event_and_its_correlation_even_when_it_fails(
    fakes: Fakes, logged: Logged
) -> None:
    def handle(event: TicketOpened, _: Message) -> None:
        if event.ticket_id == "bad":
            raise Retry("not yet")

    handler = consumer(handle, accepts=TicketOpened)
    handler(batch(delivered(opened("good"), event_id="e1"), delivered(opened("bad"), event_id="e2")))
    lines = [line for line in logged() if "event_id" in line]
    assert [(line["message"], line["event_id"], line["correlation_id"]) for line in lines] == [
        ("processed", "e1", "corr-1"),
        ("retried", "e2", "corr-1"),
    ]
    assert all("published" not in line for line in lines)
