"""Asked whether its services are there, a consumer asks them by calls that change nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.contracts.pause import Ask, Probe, Unfinished
from functions.runtime import once, probe
from functions.runtime.consumer import Consumer, consumer
from functions.runtime.errors import Unavailable
from functions.runtime.message import Message
from stacks.names import resource
from tests.aws.expression import Expression
from tests.fixtures import STAGE, Context
from tests.functions.fakes import Fakes, refusal, taken
from tests.functions.runtime.probe import Probe as Command
from tests.functions.runtime.test_tracing import Logged

ASK: dict[str, Any] = {"probe": {}}
WELL = {
    "update_item": refusal("ConditionalCheckFailedException"),
    "put_events": taken("MalformedDetail"),
    "send_email": refusal("BadRequestException"),
    "get_secret_value": {"SecretString": "s"},
}
CALLS = {
    "update_item": "DynamoDB",
    "put_events": "EventBridge",
    "send_email": "SES",
    "get_secret_value": "Secrets Manager, partner",
}


class Service:
    """Answers every call as `answers` say; an exception is raised."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.calls: list[str] = []
        self.asked: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            self.asked[name] = arguments
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


def test_whatever_a_probe_asks_for_is_refused_and_changes_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMAIL_FROM", "desk@example.com")
    asked()
    write = service.asked["update_item"]
    assert write["TableName"] == resource(STAGE, "failures")
    names, values = write.get("ExpressionAttributeNames", {}), write["ExpressionAttributeValues"]
    for item in (None, write["Key"], write["Key"] | {"probed": {"BOOL": False}}):
        assert not Expression(write["ConditionExpression"], names, values, item).holds()
        Expression(write["UpdateExpression"], names, values, item).applied()  # it is refused for nothing else
    assert write["Key"].keys() == {"message_id"}
    (entry,) = service.asked["put_events"]["Entries"]
    assert entry.keys() == {"EventBusName", "Source", "DetailType", "Detail"}
    assert entry["EventBusName"] == resource(STAGE, "events")
    assert (entry["Source"], entry["DetailType"]) == ("probe", "probe"), "which the role may put"
    with pytest.raises(json.JSONDecodeError):
        json.loads(entry["Detail"])
    mail = service.asked["send_email"]
    assert (mail["FromEmailAddress"], mail["Destination"]) == ("desk@example.com", {}), "to nobody"
    assert mail["Content"] == {"Simple": {"Subject": {"Data": "probe"}, "Body": {"Text": {"Data": "probe"}}}}
    assert service.asked["get_secret_value"] == {"SecretId": "headrace-test-partner"}


def test_a_consumer_is_asked_for_what_it_uses_only(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("FAILURES_TABLE", "BUS_NAME", "EMAIL_FROM", "SECRET_PARTNER"):
        monkeypatch.delenv(variable)
    assert asked() == []
    assert service.calls == []


def test_each_service_is_asked_three_times_and_the_first_that_is_away_is_enough(service: Service) -> None:
    asked()
    assert service.calls == [call for call in WELL for _ in range(3)]
    service.calls.clear()
    service.answers["put_events"] = refusal("ThrottlingException")
    asked()
    assert service.calls == ["update_item"] * 3 + ["put_events"]


def test_a_client_that_asks_does_not_wait_long_and_asks_once(environment: None) -> None:
    config = probe._client("dynamodb").meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (2, 2, 1)
    assert probe._client("dynamodb") is probe._client("dynamodb")
    probe._clients.clear()


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
    assert asked() == [f"{CALLS[call]}: {type(error).__name__}: {error}"]


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "InternalException"])
def test_an_entry_that_eventbridge_is_not_well_enough_for_says_that_it_is_away(service: Service, code: str) -> None:
    service.answers["put_events"] = taken(code)
    assert asked() == [f"EventBridge: Unavailable: {code}: no"]


def test_half_a_service_is_none(service: Service) -> None:
    service.answers["update_item"] = [WELL["update_item"], refusal("InternalServerError", status=500)]
    assert len(asked()) == 1


def test_a_permission_that_is_missing_is_for_a_message_to_say(service: Service) -> None:
    service.answers["update_item"] = refusal("AccessDeniedException")
    assert asked() == []


def test_services_of_others_are_asked_too(service: Service, logged: Logged) -> None:
    def crm() -> None:
        raise Unavailable("503")

    assert asked(crm=crm) == ["crm: Unavailable: 503"]
    (line,) = logged()
    assert (line["level"], line["message"], line["away"]) == ("WARNING", "probed", ["crm: Unavailable: 503"])
    assert asked(crm=lambda: None) == []


def test_records_that_had_to_wait_are_completed_first(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Unfinished(name="letter", key="tic-1", content="{}")
    completed: list[Unfinished] = []
    monkeypatch.setattr(once, "complete", completed.append)
    event = {"probe": {"unfinished": [{"name": "letter", "key": "tic-1", "content": "{}"}]}}
    assert _consumer()(event, Context(30)) == {"away": []}
    assert completed == [record]

    def away(_: Unfinished) -> None:
        raise refusal("ThrottlingException")

    monkeypatch.setattr(once, "complete", away)
    assert _consumer()(event, Context(30))["away"] == [
        f"letter: the record of tic-1 cannot be completed: {refusal('ThrottlingException')}"
    ]


@pytest.mark.parametrize("error", [refusal("AccessDeniedException"), LookupError("ONCE_TABLE is not set")])
def test_a_record_that_can_never_be_completed_pauses_nobody(
    service: Service, monkeypatch: pytest.MonkeyPatch, logged: Logged, error: Exception
) -> None:
    def refused(_: Unfinished) -> None:
        raise error

    monkeypatch.setattr(once, "complete", refused)
    event = {"probe": {"unfinished": [{"name": "letter", "key": "tic-1", "content": "{}"}]}}
    assert _consumer()(event, Context(30)) == {"away": []}
    lost, probed = logged()
    said = {name: lost[name] for name in ("level", "message", "effect", "key", "error")}
    assert said == {
        "level": "ERROR",
        "message": "never recorded",
        "effect": "letter",
        "key": "tic-1",
        "error": str(error),
    }
    assert (probed["level"], probed["message"], "away" in probed) == ("INFO", "probed", False)


def test_without_records_to_complete_nothing_is_loaded_for_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "functions.runtime.once", None)
    assert asked() == []


def test_every_secret_is_asked(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OTHER", "headrace-test-other")
    assert asked() == []
    assert service.calls.count("get_secret_value") == 6


def test_a_probe_that_hangs_says_so_before_lambda_does(service: Service) -> None:
    def hangs() -> None:
        time.sleep(5)

    assert _consumer(crm=hangs)(ASK, Context(1)) == {"away": ["The time ran out while the services were asked."]}


def test_another_event_is_an_error(service: Service) -> None:
    with pytest.raises(ValueError, match="asked to probe by another event"):
        _consumer()({"probe": {"unfinished": 7}}, Context(30))
    with pytest.raises(ValueError, match="takes SQS batches"):
        _consumer()({"hello": "world"}, Context(30))


def test_the_question_is_what_the_contract_says() -> None:
    assert Ask(probe=Probe()).probe.unfinished == ()
