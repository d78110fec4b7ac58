"""Clients: their patience follows the time that is left, and none is used again that was interrupted."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from functions.runtime import clients
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


def put() -> None:
    client("dynamodb").put_item(TableName="t", Item={"key": {"S": "a"}})


def test_a_call_that_hangs_fails_before_the_time_is_over(silent: None) -> None:
    started = time.monotonic()
    with pytest.raises((ReadTimeoutError, OutOfTime)):
        within(1, put)
    assert time.monotonic() - started < 1.3


def test_what_interrupted_a_call_is_known_and_its_client_is_replaced(
    silent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "left", lambda: 100.0)  # so that the alarm is first
    before = client("dynamodb")
    with pytest.raises(OutOfTime):
        within(0.3, put)
    assert replace() == "dynamodb"
    assert client("dynamodb") is not before
    assert replace() is None


def test_a_mail_is_never_repeated_by_botocore(environment: None) -> None:
    forget_clients()
    assert client("sesv2").meta.config.retries["total_max_attempts"] == 1
    assert client("dynamodb").meta.config.retries["total_max_attempts"] == 3
    forget_clients()


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
