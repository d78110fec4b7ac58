"""Log lines: JSON, with the correlation id, without bodies and secrets; and the consumer's metrics."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import pytest
from msgspec import Struct

from functions.contracts.contract import Command, Email, Secret
from functions.contracts.redaction import redact, redacted
from functions.runtime.consumer import consumer
from functions.runtime.errors import Reject
from functions.runtime.log import log
from stacks.names import PROJECT
from tests.functions.events import batch, record
from tests.functions.fakes import Fakes, taken
from tests.functions.runtime.probe import Probe, Probing, probe
from tests.sample.messages import ticket

Logged = Callable[[], list[dict[str, Any]]]


def test_each_record_has_a_line_with_its_outcome(fakes: Fakes, logged: Logged) -> None:
    probing = Probing(b=RuntimeError("boom"), c=Reject("never"))
    probing.handler(batch(probe("a", correlation_id="corr-a"), probe("b", attempt=2), probe("c")))
    lines = {line["message_id"]: line for line in logged() if "message_id" in line}
    assert {name: (line["message"], line["level"]) for name, line in lines.items()} == {
        "a": ("processed", "INFO"),
        "b": ("retried", "WARNING"),
        "c": ("rejected", "ERROR"),
    }
    assert lines["a"]["correlation_id"] == "corr-a"
    assert (lines["b"]["attempt"], lines["b"]["error_type"], lines["b"]["error"]) == (2, "RuntimeError", "boom")
    assert any(frame.startswith("functions/runtime/probe.py:") for frame in lines["b"]["stack"])


def test_the_group_of_a_message_is_logged(fakes: Fakes, logged: Logged) -> None:
    Probing().handler(batch(probe("a", group="g1")))
    assert [line["group"] for line in logged() if "group" in line] == ["g1"]


def test_no_body_is_logged_at_info(fakes: Fakes, logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr("functions.runtime.report.redacted", read.append)
    Probing().handler(batch(record(Probe(name="a", note="nobody reads this"), message_id="a")))
    assert "nobody reads this" not in str(logged())
    assert read == [], "which would cost time for nothing"


def test_a_body_is_logged_at_debug_without_its_secrets(
    fakes: Fakes, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    body = Probe(name="a", token="hunter2", note="read this")
    Probing().handler(batch(record(body, message_id="a", correlation_id="corr-1")))
    (line,) = [line for line in logged() if line.get("level") == "DEBUG"]
    assert line["body"] == {"name": "a", "token": "[secret]", "note": "read this"}
    assert (line["message"], line["message_id"], line["correlation_id"]) == ("received", "a", "corr-1")


def test_a_batch_has_one_line_of_metrics_in_cloudwatchs_format(fakes: Fakes, logged: Logged) -> None:
    fakes.events.answers = [taken(None, "AccessDeniedException")]
    probing = Probing(c=RuntimeError(), d=Reject("no"))
    probing.handler(batch(*map(probe, "abcd")))
    (line,) = [line for line in logged() if "_aws" in line]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == PROJECT
    assert directive["Dimensions"] == [["stage", "service"]]
    assert (line["stage"], line["service"]) == ("test", "function")
    names = {metric["Name"] for metric in directive["Metrics"]}
    assert {name: line[name] for name in names - {"Age"}} == {
        "Processed": 1,
        "Retried": 2,
        "Rejected": 1,
        "Duplicates": 0,
        "PublishFailures": 1,
    }
    assert len(line["Age"]) == 4
    assert {metric["Unit"] for metric in directive["Metrics"] if metric["Name"] != "Age"} == {"Count"}
    assert [metric for metric in directive["Metrics"] if metric["Name"] == "Age"] == [
        {"Name": "Age", "Unit": "Milliseconds"}
    ]
    assert line["_aws"]["Timestamp"] == pytest.approx(time.time() * 1000, abs=60_000)


def test_the_age_of_a_message_is_from_when_sqs_took_it_to_when_its_batch_began(
    fakes: Fakes, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_300_000.0)
    unsent = probe("c")
    del unsent["attributes"]["SentTimestamp"]
    Probing().handler(batch(probe("a", sent=time.time() - 5), probe("b", sent=time.time() - 60), unsent))
    *lines, line = logged()
    assert ["sent" in each for each in lines] == [True, True, False]
    assert sorted(line["Age"]) == [5_000, 60_000]


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("DEBUG", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("info", ["INFO", "WARNING", "ERROR"]),
        (None, ["INFO", "WARNING", "ERROR"]),
        ("LOUD", ["INFO", "WARNING", "ERROR"]),
        ("WARNING", ["WARNING", "ERROR"]),
        ("ERROR", ["ERROR"]),
    ],
)
def test_a_line_is_written_from_the_level_of_the_stage_on(
    logged: Logged, monkeypatch: pytest.MonkeyPatch, level: str | None, told: list[str]
) -> None:
    if level is None:
        monkeypatch.delenv("LOG_LEVEL", raising=False)
    else:
        monkeypatch.setenv("LOG_LEVEL", level)
    for each in ("DEBUG", "INFO", "WARNING", "ERROR"):
        log(each, "said", nothing=None)
    assert [line["level"] for line in logged()] == told


def test_the_lines_of_records_are_of_their_level_too(
    fakes: Fakes, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    Probing(b=RuntimeError(), c=Reject("no")).handler(batch(*map(probe, "abc")))
    assert [line.get("message") for line in logged()] == ["rejected", None], "metrics have no level"


def test_a_line_says_when_it_was_written_to_the_millisecond(logged: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_300_000.0425)
    log("INFO", "said", nothing=None, something=0)
    assert logged() == [{"level": "INFO", "message": "said", "timestamp": "2026-11-21T22:26:40.042Z", "something": 0}]


def test_the_line_of_a_record_is_what_an_operator_reads(fakes: Fakes, logged: Logged) -> None:
    attributes = {"received_at": "1795300000111", "redriven": "1 run", "correlation_id": "corr-1"}
    Probing(a=RuntimeError("x" * 2000)).handler(
        batch(probe("a", group="g", attempt=2, sent=1_795_300_000.25, **attributes))
    )
    (line,) = [line for line in logged() if "message_id" in line]
    assert len(line.pop("stack_digest")) == 12
    assert line.pop("stack")
    assert line.pop("timestamp").endswith("Z")
    assert 0 <= line.pop("duration_ms") < 60_000
    assert line == {
        "level": "WARNING",
        "message": "retried",
        "service": "function",
        "correlation_id": "corr-1",
        "message_id": "a",
        "group": "g",
        "key": "a",
        "attempt": 2,
        "received_at": "1795300000111",
        "sent": 1_795_300_000_250,
        "redriven": "1 run",
        "error_type": "RuntimeError",
        "error": "x" * 999 + "…",
        "release": "$LATEST",
    }


class Card(Struct):
    number: Annotated[str, Secret]
    brand: str


class Purchase(Struct):
    cards: list[Card]
    spare: dict[str, Card] = {}
    codes: Annotated[dict[str, str], Secret] = {}
    named: dict[str, Annotated[str, Secret]] = {}
    twice: tuple[list[Card], ...] = ()
    pin: Annotated[int | None, Secret] = None
    note: Annotated[str, Secret] | None = None


def test_secrets_are_redacted_however_deep() -> None:
    purchase = Purchase(
        cards=[Card(number="4111", brand="V")],
        spare={"red": Card(number="4222", brand="M")},
        codes={"door": "7788"},
        named={"safe": "9900"},
        twice=([Card(number="4333", brand="A")],),
        pin=42,
    )
    assert redacted(purchase) == {
        "cards": [{"number": "[secret]", "brand": "V"}],
        "spare": {"red": {"number": "[secret]", "brand": "M"}},
        "codes": "[secret]",
        "named": "[secret]",
        "twice": [[{"number": "[secret]", "brand": "A"}]],
        "pin": "[secret]",
        "note": None,
    }
    text = "cards 4111, 4222, 4333 of V, M, A with pin 42 for door 7788 and safe 9900 refused"
    hidden = "[secret]"
    assert redact(text, purchase) == (
        f"cards {hidden}, {hidden}, {hidden} of V, M, A with pin {hidden} for door {hidden} and safe {hidden} refused"
    )


def test_an_address_is_a_secret() -> None:
    assert redacted(ticket())["email"] == "[secret]"


class Letter(Command, frozen=True, kw_only=True):
    business_key: ClassVar[str | None] = "to"

    to: Email


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ("p-1", None)),
        ({"tenant": "acme"}, ("/acme/p-1", None)),
        ({"idempotency_key": "k/1"}, ("p-1", "k%2F1")),
        ({"idempotency_key": "p-1"}, ("p-1", None)),
        ({"group": "p-1", "queue": "q.fifo"}, (None, None)),
        ({"group": "other", "queue": "q.fifo", "idempotency_key": "k" * 257}, ("p-1", None)),
    ],
)
def test_a_line_names_what_people_call_the_message_once(
    fakes: Fakes, logged: Logged, said: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    consumer(lambda *_: None, accepts=Probe)(batch(record(Probe(name="p-1"), **said)))
    (line,) = [line for line in logged() if "message_id" in line]
    assert (line.get("key"), line.get("idempotency_key")) == expected


def test_a_key_that_is_a_secret_is_in_no_line(fakes: Fakes, logged: Logged) -> None:
    consumer(lambda *_: None, accepts=Letter)(batch(record(Letter(to="ada@example.com"))))
    (line,) = [line for line in logged() if "message_id" in line]
    assert line["message"] == "processed"
    assert "ada" not in json.dumps(line)
