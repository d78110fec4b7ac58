"""Clients: their patience follows the time that is left, and none is used again that was interrupted."""

from __future__ import annotations

import json
import math
import re
import socket
import time
from collections.abc import Iterator
from io import BytesIO

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.validate import ParamValidationDecorator

from functions.runtime import clients
from functions.runtime.aws.service import Service
from functions.runtime.clients import client, replace
from functions.runtime.deadline import within
from functions.runtime.errors import OutOfTime
from tests.fixtures import forget_clients


@pytest.fixture
def silent(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A service that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        forget_clients()
        yield
        forget_clients()


class RawResponse(BytesIO):
    """The body of an answer, as urllib3 hands it over."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def put() -> None:
    client("dynamodb").put_item(TableName="t", Item={"key": {"S": "a"}})


def test_a_call_that_hangs_fails_before_the_time_is_over(silent: None) -> None:
    client("dynamodb")
    started = time.monotonic()
    with pytest.raises((ReadTimeoutError, OutOfTime)):
        within(1, put)
    assert time.monotonic() - started < 3


def test_a_worker_that_reaches_nothing_waits_for_one_service_only(
    silent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    tried: list[float] = []

    def hang(plain: socket.socket, _: object, end: float) -> None:
        plain.close()
        tried.append(end)
        raise TimeoutError

    with monkeypatch.context() as hanging:
        hanging.setattr("functions.runtime.aws.connection._connected", hang)
        clients.warm("dynamodb", "events", "secretsmanager")
    assert len(tried) == 1
    assert list(clients.made) == ["dynamodb", "events", "secretsmanager"]
    clients.warm("dynamodb", "events")
    assert all(clients.made[service]._idle for service in ("dynamodb", "events"))
    for service in ("dynamodb", "events"):
        clients.made[service].close()


@pytest.mark.parametrize("own", [False, True], ids=["botocore's", "ours"])
def test_what_interrupted_a_call_is_known_and_botocores_client_is_replaced(
    silent: None, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    if own:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setattr(clients, "left", lambda: 100.0)  # so that the alarm is first
    before = client("dynamodb")
    with pytest.raises(OutOfTime):
        within(0.3, put)
    assert replace() == "dynamodb"
    assert isinstance(before, Service) is own
    assert (client("dynamodb") is before) is own
    assert replace() is None


@pytest.mark.parametrize(("service", "attempts"), [("dynamodb", 3), ("events", 3), ("sqs", 3), ("sesv2", 1)])
def test_a_call_hangs_for_seconds_at_the_most_and_is_repeated_twice_but_never_a_mail(
    environment: None, service: str, attempts: int
) -> None:
    forget_clients()
    config = client(service).meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert (config.retries["total_max_attempts"], config.retries["mode"]) == (attempts, "standard")
    # What botocore would else do anew for each call.
    assert config.user_agent == "headrace"
    assert not isinstance(client(service)._serializer, ParamValidationDecorator)
    assert client(service) is client(service)
    forget_clients()


@pytest.mark.parametrize(("left", "patience"), [(math.inf, 5), (100, 5), (2, 1.8), (0, 0.01), (-1, 0.01)])
def test_a_call_waits_for_its_answer_no_longer_than_there_is_time(
    environment: None, monkeypatch: pytest.MonkeyPatch, left: float, patience: float
) -> None:
    forget_clients()
    monkeypatch.setattr(clients, "left", lambda: left)
    dynamo, waited = client("dynamodb"), []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        waited.append(request.context.get("read_timeout", dynamo.meta.config.read_timeout))
        return AWSResponse(request.url, 200, {}, RawResponse(b"{}"))

    dynamo.meta.events.register("before-send", answer)
    put()
    assert waited == [pytest.approx(patience)]
    assert replace() is None, "what has its answer is not running"
    forget_clients()


def test_a_call_that_failed_is_not_running_any_more(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_clients()
    monkeypatch.setattr("time.sleep", lambda _: None)

    def refuse(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://aws.example")

    client("dynamodb").meta.events.register("before-send", refuse)
    with pytest.raises(EndpointConnectionError):
        put()
    assert replace() is None
    forget_clients()


def test_a_client_that_a_test_put_there_is_not_replaced(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = object()
    forget_clients()
    client("dynamodb")
    replace()
    monkeypatch.setitem(clients.made, "dynamodb", mine)
    replace()
    assert client("dynamodb") is mine


def test_every_try_of_a_call_says_a_text_of_its_own(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_clients()
    monkeypatch.setattr("time.sleep", lambda _: None)
    dynamo = client("dynamodb")
    said: list[str] = []

    def refuse(request: AWSPreparedRequest, **_: object) -> None:
        said.append(json.loads(request.body)["Item"]["token"]["S"])
        raise EndpointConnectionError(endpoint_url="https://aws.example")

    dynamo.meta.events.register("before-send", refuse)
    with pytest.raises(EndpointConnectionError):
        dynamo.put_item(TableName="t", Item={"key": {"S": "a"}, "token": {"S": clients.ONE_REQUEST}})
    assert len(set(said)) == len(said) == 3
    assert all(re.fullmatch("[0-9a-f]{8}", text) for text in said)
    forget_clients()
