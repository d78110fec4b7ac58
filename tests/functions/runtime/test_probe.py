"""Asked whether its services are there, a consumer asks them by calls that change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.contracts.pause import Ask, Probe, Unfinished
from functions.runtime import once, probe
from functions.runtime.consumer import Consumer, consumer
from functions.runtime.errors import Unavailable
from functions.runtime.message import Message
from tests.fixtures import Context
from tests.functions.fakes import Fakes, refusal, taken
from tests.functions.runtime.probe import Probe as Command

ASK: dict[str, Any] = {"probe": {}}
WELL = {
    "update_item": refusal("ConditionalCheckFailedException"),
    "put_events": taken("MalformedDetail"),
    "send_email": refusal("BadRequestException"),
    "get_secret_value": {"SecretString": "s"},
}
CALLS = {"update_item": "DynamoDB", "put_events": "EventBridge", "send_email": "SES", "get_secret_value": "Secrets"}


class Service:
    """Answers every call as `answers` say; an exception is raised."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            answer = self.answers[name]
            answer = answer.pop(0) if isinstance(answer, list) else answer
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return call


@pytest.fixture
def service(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service(dict(WELL))
    monkeypatch.setattr(probe, "_client", lambda _: service)
    monkeypatch.setenv("SECRET_PARTNER", "headrace-test-partner")
    return service


def asked(**probes: Callable[[], Any]) -> list[str]:
    return list(_consumer(**probes)(ASK, Context(30))["away"])


def _consumer(**probes: Callable[[], Any]) -> Consumer:
    def handle(command: Command, message: Message) -> None:
        raise AssertionError("a probe is no message")

    return consumer(handle, accepts=Command, probes=probes)


def test_services_that_refuse_what_is_wrong_are_well(service: Service) -> None:
    assert asked() == []
    assert set(service.calls) == set(WELL)


@pytest.mark.parametrize("call", WELL)
@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("InternalFailure", status=500),
        refusal("ExpiredTokenException"),
        EndpointConnectionError(endpoint_url="https://aws.example"),
    ],
)
def test_a_service_that_is_away_is_named(service: Service, call: str, error: Exception) -> None:
    service.answers[call] = error
    (sentence,) = asked()
    assert sentence.startswith(CALLS[call])


def test_an_entry_that_eventbridge_throttles_says_that_it_is_away(service: Service) -> None:
    service.answers["put_events"] = taken("ThrottlingException")
    assert len(asked()) == 1


def test_half_a_service_is_none(service: Service) -> None:
    service.answers["update_item"] = [WELL["update_item"], refusal("InternalServerError", status=500)]
    assert len(asked()) == 1


def test_a_permission_that_is_missing_is_for_a_message_to_say(service: Service) -> None:
    service.answers["update_item"] = refusal("AccessDeniedException")
    assert asked() == []


def test_services_of_others_are_asked_too(service: Service) -> None:
    def crm() -> None:
        raise Unavailable("503")

    assert asked(crm=crm) == ["crm: Unavailable: 503"]
    assert asked(crm=lambda: None) == []


def test_records_that_had_to_wait_are_completed_first(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Unfinished(name="letter", key="tic-1", content="{}")
    completed: list[Unfinished] = []
    monkeypatch.setattr(once, "complete", completed.append)
    event = {"probe": {"unfinished": [{"name": "letter", "key": "tic-1", "content": "{}"}]}}
    assert _consumer()(event, Context(30)) == {"away": []}
    assert completed == [record]

    def broken(_: Unfinished) -> None:
        raise refusal("ThrottlingException")

    monkeypatch.setattr(once, "complete", broken)
    (sentence,) = _consumer()(event, Context(30))["away"]
    assert "letter" in sentence
    assert "tic-1" in sentence


def test_another_event_is_an_error(service: Service) -> None:
    with pytest.raises(ValueError, match="asked to probe by another event"):
        _consumer()({"probe": {"unfinished": 7}}, Context(30))
    with pytest.raises(ValueError, match="takes SQS batches"):
        _consumer()({"hello": "world"}, Context(30))


def test_the_question_is_what_the_contract_says() -> None:
    assert Ask(probe=Probe()).probe.unfinished == ()
