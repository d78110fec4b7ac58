"""A message whose last attempt failed says so to workflows; nobody else's does, and nothing depends on it."""

from __future__ import annotations

import sys
from typing import Annotated, Any, ClassVar

import pytest

from functions.contracts.contract import Command, Secret
from functions.runtime.consumer import Message, Reject, Retry, consumer
from functions.runtime.errors import Limited, Spent
from tests.functions.events import batch, failed, record
from tests.functions.fakes import Fakes, refusal


class Work(Command, frozen=True, kw_only=True):
    business_key: ClassVar[str | None] = "name"

    name: str
    password: Annotated[str, Secret] = "hunter22"


@pytest.fixture(autouse=True)
def _named(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEATH_KEYS", "work name other")
    monkeypatch.setenv("RECEIVES", "3")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "work_high")


def handler(error: BaseException) -> Any:
    def handle(work: Work, message: Message) -> None:
        raise error

    return consumer(handle, accepts=Work)


def told(fakes: Fakes) -> list[dict[str, Any]]:
    return [each["data"] for each in fakes.events.envelopes if each["type"] == "MessageDied"]


@pytest.mark.parametrize("error", [Reject("no"), Retry("no"), ValueError("no"), refusal("InternalServerError")])
def test_the_last_attempt_that_fails_is_told_with_the_key_and_the_cause(fakes: Fakes, error: BaseException) -> None:
    assert failed(handler(error)(batch(record(Work(name="w1"), message_id="m", attempt=2)))) == ["m"]
    assert told(fakes) == []
    assert failed(handler(error)(batch(record(Work(name="w1"), message_id="m", attempt=3, tenant="acme")))) == ["m"]
    (data,) = told(fakes)
    assert (data["consumer"], data["keys"]) == ("work", {"name": "w1"})
    assert data["cause"].startswith(f"{type(error).__name__}: ")
    assert fakes.events.envelopes[0]["tenant"] == "acme"


def test_the_cause_has_no_secrets(fakes: Fakes) -> None:
    handler(Reject("hunter22 is wrong"))(batch(record(Work(name="w1"), attempt=3)))
    assert "hunter22" not in str(told(fakes))
    assert "[secret] is wrong" in told(fakes)[0]["cause"]


def test_the_same_message_that_dies_again_after_a_redrive_is_the_same_event(fakes: Fakes) -> None:
    for _ in range(2):
        handler(Reject("no"))(batch(record(Work(name="w1"), attempt=3)))
    assert len({each["id"] for each in fakes.events.envelopes}) == 1


def test_waiting_for_a_limit_is_no_death_and_the_end_of_its_receives_is_told_once(fakes: Fakes) -> None:
    handler(Limited("wait", limit="l", delay=1))(batch(record(Work(name="w1"), attempt=3)))
    assert told(fakes) == []
    for attempt in (3, 4, 5):
        handler(Spent("no"))(batch(record(Work(name="w1"), attempt=attempt)))
    assert len(told(fakes)) == 1


def test_what_does_not_say_whose_it_is_tells_nothing(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    handler(Reject("no"))(batch(record('{"nonsense": 1}', attempt=3)))
    monkeypatch.setenv("DEATH_KEYS", "work other")
    handler(Reject("no"))(batch(record(Work(name="w1"), attempt=3)))
    assert told(fakes) == []


def test_a_bus_that_is_away_changes_nothing_for_the_message(fakes: Fakes, logged: Any) -> None:
    fakes.events.answers = [refusal("InternalFailure", status=500)] * 9
    report = handler(Reject("no"))(batch(record(Work(name="w1"), message_id="m", attempt=3)))
    assert failed(report) == ["m"]
    assert fakes.sqs.visibility["m"] == 0
    assert any(line.get("message") == "workflow not told of a message that dies" for line in logged())


def test_the_line_of_the_attempt_names_what_was_told(fakes: Fakes, logged: Any) -> None:
    handler(Reject("no"))(batch(record(Work(name="w1"), attempt=3)))
    (line,) = (line for line in logged() if line.get("message") == "rejected")
    assert [each["type"] for each in line["published"]] == ["MessageDied"]


def test_a_consumer_that_no_workflow_names_does_not_even_load_it(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEATH_KEYS")
    monkeypatch.setitem(sys.modules, "functions.runtime.deaths", None)
    handler(Reject("no"))(batch(record(Work(name="w1"), attempt=3)))
    assert told(fakes) == []
