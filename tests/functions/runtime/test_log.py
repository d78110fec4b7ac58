"""Log lines: JSON, with the correlation id, without bodies and secrets; and the consumer's metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from msgspec import Struct

from functions.contracts.contract import Secret
from functions.contracts.redaction import redact, redacted
from functions.runtime.errors import Reject
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


def test_no_body_is_logged_at_info(fakes: Fakes, logged: Logged) -> None:
    Probing().handler(batch(record(Probe(name="a", note="nobody reads this"), message_id="a")))
    assert "nobody reads this" not in str(logged())


def test_a_body_is_logged_at_debug_without_its_secrets(
    fakes: Fakes, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    Probing().handler(batch(record(Probe(name="a", token="hunter2", note="read this"), message_id="a")))
    (line,) = [line for line in logged() if line.get("level") == "DEBUG"]
    assert line["body"] == {"name": "a", "token": "[secret]", "note": "read this"}


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


class Card(Struct):
    number: Annotated[str, Secret]
    brand: str


class Purchase(Struct):
    cards: list[Card]
    pin: Annotated[int | None, Secret] = None
    note: Annotated[str, Secret] | None = None


def test_secrets_are_redacted_however_deep() -> None:
    purchase = Purchase(cards=[Card(number="4111", brand="V")], pin=42)
    assert redacted(purchase) == {
        "cards": [{"number": "[secret]", "brand": "V"}],
        "pin": "[secret]",
        "note": None,
    }
    assert redact("card 4111 with pin 42 refused", purchase) == "card [secret] with pin [secret] refused"


def test_an_address_is_a_secret() -> None:
    assert redacted(ticket())["email"] == "[secret]"
