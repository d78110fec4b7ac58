"""What `pause_consumer` asks Lambda about a consumer, and what it makes of each answer."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from functions.contracts.pause import Ask, Condition, Probe
from functions.runtime import clients
from functions.runtime.errors import Unavailable
from functions.runtime.mapping import Mapping, condition, mapping, switch
from tests.functions.fakes import Script, refusal

NAME = "acme-test-open_ticket"
GONE = EndpointConnectionError(endpoint_url="https://lambda.example")
DENIED = refusal("AccessDeniedException")
ASK = Ask(probe=Probe())


@dataclass
class Lambda(Script):
    """Answers whatever it is asked as scripted."""

    meta: Any = None

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **arguments: self.answer({"operation": operation} | arguments, dict)


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Lambda:
    made = Lambda()
    monkeypatch.setitem(clients.made, "lambda", made)
    return made


def listed(*queues: str) -> dict[str, Any]:
    return {
        "EventSourceMappings": [
            {"UUID": f"id of {name}", "State": "Enabled", "EventSourceArn": f"arn:aws:sqs:eu-west-1:0:{name}"}
            for name in queues
        ]
    }


@pytest.mark.parametrize(
    ("queues", "own"),
    [((), None), (("others", f"{NAME}.fifo"), f"{NAME}.fifo"), ((NAME,), NAME), ((f"{NAME}-dlq", f"x{NAME}"), None)],
)
def test_the_mapping_of_a_function_is_that_of_the_queue_of_its_name(
    functions: Lambda, queues: tuple[str, ...], own: str | None
) -> None:
    functions.answers = [listed(*queues)]
    assert mapping(NAME) == (Mapping(f"id of {own}", "Enabled") if own else None)
    assert functions.calls == [{"operation": "list_event_source_mappings", "FunctionName": NAME}]


def test_a_function_that_is_not_there_has_no_mapping(functions: Lambda) -> None:
    functions.answers = [refusal("ResourceNotFoundException")]
    assert mapping(NAME) is None


def test_a_mapping_is_switched_on_and_off(functions: Lambda) -> None:
    for on in (True, False):
        switch(Mapping("id", "Enabled"), on=on)
    assert functions.calls == [
        {"operation": "update_event_source_mapping", "UUID": "id", "Enabled": on} for on in (True, False)
    ]


@pytest.mark.parametrize("error", [GONE, DENIED], ids=repr)
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mapping(NAME), f"Lambda does not list the mappings of {NAME}: "),
        (lambda: switch(Mapping("id", "Enabled"), on=True), "Lambda does not switch the mapping id: "),
        (lambda: condition(NAME, ASK), f"{NAME} could not be asked: "),
    ],
)
def test_what_lambda_does_not_do_is_its_being_away(
    functions: Lambda, call: Callable[[], object], said: str, error: Exception
) -> None:
    functions.answers = [error]
    with pytest.raises(Unavailable) as away:
        call()
    assert (str(away.value), away.value.__cause__) == (said + str(error), error)


def answer(body: bytes, **more: Any) -> dict[str, Any]:
    return {"Payload": io.BytesIO(body)} | more


def test_a_consumer_is_asked_in_the_contracts_words_and_says_what_is_away(functions: Lambda) -> None:
    functions.answers = [answer(b'{"away":["SES"]}')]
    assert condition(NAME, ASK) == Condition(away=("SES",))
    assert functions.calls == [{"operation": "invoke", "FunctionName": NAME, "Payload": b'{"probe":{}}'}]


def test_a_consumer_that_hangs_says_that_something_is_away(functions: Lambda) -> None:
    functions.answers = [ReadTimeoutError(endpoint_url="https://lambda.example")]
    assert condition(NAME, ASK) == Condition(away=("The probe took more than 8 s.",))


@pytest.mark.parametrize("body", [b"null", b"{", b'{"away":7}', b"\xff"])
def test_a_consumer_that_answers_something_else_says_nothing_of_its_services(functions: Lambda, body: bytes) -> None:
    functions.answers = [answer(body)]
    with pytest.raises(Unavailable, match=f"^{NAME} answers a probe with something else: .+"):
        condition(NAME, ASK)


def test_a_consumer_that_crashes_says_how_as_far_as_anybody_reads(functions: Lambda) -> None:
    functions.answers = [answer(b"\xff" + b"x" * 600, FunctionError="Unhandled")]
    with pytest.raises(Unavailable) as crashed:
        condition(NAME, ASK)
    assert str(crashed.value) == f"{NAME} fails when it is asked: \ufffd" + "x" * 499


def test_lambda_has_eight_seconds_for_an_answer_and_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "made", {})
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    asked: list[Any] = []

    class Session:
        def create_client(self, service: str, *, config: Any) -> Lambda:
            asked.append((service, config.connect_timeout, config.read_timeout, config.retries))
            made = Lambda(answers=[listed(NAME), listed(NAME)])
            made.meta = SimpleNamespace(events=SimpleNamespace(register=lambda *_: None))
            return made

    monkeypatch.setattr("functions.runtime.clients.session", Session)
    assert mapping(NAME) == mapping(NAME)
    assert asked == [("lambda", 2, 8.0, {"total_max_attempts": 1, "mode": "standard"})]
