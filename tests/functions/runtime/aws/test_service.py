"""Our client and a service that answers, refuses, hangs and goes: what is asked again, what is raised, what is kept."""

from __future__ import annotations

import json
import socket
import ssl
import time
from email.utils import formatdate
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.session import get_session

from functions.runtime.aws import service
from functions.runtime.deadline import within
from functions.runtime.errors import OutOfTime
from local import certificate
from tests.functions.runtime.aws.server import CLOSED, HALF, HANGS, Server, answer, client, error, get


def test_a_call_is_answered_and_the_next_goes_over_the_same_connection(server: Server) -> None:
    server.acts = [answer(200, {"Item": {"id": {"S": "a"}}}, x_amzn_RequestId="r-1"), answer()]
    dynamodb = client()
    found = get(dynamodb)
    assert found["Item"] == {"id": {"S": "a"}}
    assert found["ResponseMetadata"]["RequestId"] == "r-1"
    assert get(dynamodb)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (server.connections, len(server.requests)) == (1, 2)


def test_a_request_says_who_asks_and_to_which_trace_it_belongs(server: Server, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("_X_AMZN_TRACE_ID", "Root=1-2-3")
    server.acts = [answer()]
    get(client())
    head = server.requests[0].decode().lower()
    assert "x-amzn-trace-id: root=1-2-3\r\n" in head
    assert "x-amz-security-token: a token\r\n" in head
    assert "credential=akiaexample/" in head


def test_a_trace_is_one_header_whatever_is_in_it(server: Server, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("_X_AMZN_TRACE_ID", "Root=1-2-3;\r\nHost: other")
    server.acts = [answer()]
    get(client())
    assert b"x-amzn-trace-id: Root=1-2-3;%0D%0AHost:%20other\r\n" in server.requests[0]


def test_credentials_that_changed_meanwhile_are_used(server: Server, environment: pytest.MonkeyPatch) -> None:
    server.acts = [answer(), answer()]
    dynamodb = client()
    get(dynamodb)
    environment.setenv("AWS_ACCESS_KEY_ID", "AKIANEXT")
    get(dynamodb)
    assert b"Credential=AKIANEXT/" in server.requests[1]


def test_a_connection_that_was_closed_while_nobody_used_it_costs_nothing(server: Server, pauses: list[float]) -> None:
    server.acts = [answer(), answer()]
    dynamodb = client(attempts=1)
    get(dynamodb)
    server.open[0].shutdown(socket.SHUT_RDWR)
    get(dynamodb)
    assert (server.connections, pauses) == (2, [])


def test_a_connection_that_ends_at_the_next_request_is_replaced_at_once(server: Server, pauses: list[float]) -> None:
    server.acts = [answer(), CLOSED, answer()]
    dynamodb = client(attempts=1)
    get(dynamodb)
    get(dynamodb)
    assert (server.connections, len(server.requests), pauses) == (2, 3, [])


def test_a_connection_that_nobody_used_for_long_is_not_trusted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.acts = [answer(), answer(), answer()]
    dynamodb = client()
    get(dynamodb)
    now = time.monotonic
    monkeypatch.setattr("functions.runtime.aws.connection.time.monotonic", lambda: now() + 49)
    get(dynamodb)
    assert server.connections == 1
    monkeypatch.setattr("functions.runtime.aws.connection.time.monotonic", lambda: now() + 49 + 51)
    get(dynamodb)
    assert server.connections == 2


def test_a_connection_that_the_service_ends_is_not_kept(server: Server) -> None:
    server.acts = [answer(200, {}, Connection="close"), answer()]
    dynamodb = client()
    get(dynamodb)
    get(dynamodb)
    assert server.connections == 2


def test_a_client_connects_before_its_first_call(server: Server) -> None:
    server.acts = [answer()]
    dynamodb = client()
    dynamodb.warm()
    assert server.requests == []
    get(dynamodb)
    assert server.connections == 1
    assert not dynamodb._idle[0].fresh


def test_a_service_that_cannot_be_reached_while_a_worker_starts_fails_the_call_and_not_the_start(
    environment: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{gone.getsockname()[1]}")
    dynamodb = client()
    dynamodb.warm()
    with pytest.raises(exceptions.EndpointConnectionError):
        get(dynamodb)
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("acts", "raised"),
    [
        ([CLOSED] * 3, exceptions.ConnectionClosedError),
        ([HALF] * 3, exceptions.ConnectionClosedError),
        ([b"nonsense\r\n\r\n"] * 3, exceptions.HTTPClientError),
        ([answer(200, b"nonsense")] * 3, exceptions.HTTPClientError),
        ([error("InternalServerError", 500)] * 3, ClientError),
        ([answer(503, b"<html>")] * 3, ClientError),
        ([error("ThrottlingException")] * 3, ClientError),
    ],
    ids=["closed", "half", "no HTTP", "no JSON", "500", "503 of a proxy", "throttled"],
)
def test_what_may_pass_is_asked_three_times(
    server: Server, pauses: list[float], acts: list[bytes], raised: type[Exception]
) -> None:
    server.acts = list(acts)
    with pytest.raises(raised):
        get(client())
    assert (len(server.requests), len(pauses)) == (3, 2)
    server.acts = [*acts[:2], answer(200, {"Item": {"id": {"S": "a"}}})]
    assert get(client())["ResponseMetadata"]["RetryAttempts"] == 2


def test_what_the_service_means_is_asked_once_and_has_its_fields(server: Server, pauses: list[float]) -> None:
    server.acts = [error("ConditionalCheckFailedException", Item={"id": {"S": "there"}})]
    dynamodb = client()
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as caught:
        get(dynamodb)
    assert caught.value.response["Item"] == {"id": {"S": "there"}}
    assert str(caught.value) == (
        "An error occurred (ConditionalCheckFailedException) when calling the GetItem operation: "
        "this is ConditionalCheckFailedException"
    )
    assert not isinstance(caught.value, dynamodb.exceptions.ThrottlingException)
    assert pauses == []


def test_an_answer_that_does_not_come_is_waited_for_as_long_as_there_is_time(
    server: Server, pauses: list[float]
) -> None:
    server.acts = [HANGS] * 3
    started = time.monotonic()
    with pytest.raises(exceptions.ReadTimeoutError):
        get(client(seconds=lambda: 0.1, attempts=1))
    assert 0.1 <= time.monotonic() - started < 1


def test_a_pause_that_there_is_no_time_for_is_not_made(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.runtime.aws.retries.random.random", lambda: 1.0)
    server.acts = [error("ThrottlingException")]
    with pytest.raises(ClientError):
        get(client(seconds=lambda: 0.9))
    assert len(server.requests) == 1


def test_a_call_that_is_interrupted_leaves_no_answer_to_the_next(server: Server) -> None:
    server.acts = [HANGS, answer(200, {"Item": {"id": {"S": "mine"}}})]
    dynamodb = client()
    with pytest.raises(OutOfTime):
        within(0.2, lambda: get(dynamodb))
    assert get(dynamodb)["Item"] == {"id": {"S": "mine"}}
    assert server.connections == 2


def test_repetitions_end_where_a_service_stays_away(server: Server, pauses: list[float]) -> None:
    dynamodb = client()
    server.acts = [error("InternalServerError", 500)] * 200
    for _ in range(50):
        with pytest.raises(ClientError):
            get(dynamodb)
    assert len(pauses) == 500 // 14
    server.acts = [answer()] * 14 + [error("InternalServerError", 500)] * 3
    for _ in range(14):
        get(dynamodb)
    with pytest.raises(ClientError):
        get(dynamodb)
    assert len(pauses) == 500 // 14 + 1


def test_a_clock_that_is_wrong_is_set_by_the_services(
    server: Server, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = formatdate(time.time() + 3600, usegmt=True)
    wrong = answer(400, {"__type": "InvalidSignatureException", "message": "expired"}, Date=hour)
    server.acts = [wrong, answer(), wrong]
    dynamodb = client()
    get(dynamodb)
    with pytest.raises(ClientError):
        get(dynamodb)  # once it is right, the signature is wrong for another reason
    stamps = [request.lower().partition(b"x-amz-date: ")[2][:16] for request in server.requests]
    assert stamps[0] < stamps[1]
    assert pauses == []


def test_each_request_says_a_text_of_its_own(server: Server, pauses: list[float]) -> None:
    server.acts = [error("InternalServerError", 500), answer(), CLOSED, answer()]
    numbers = iter((b"1", b"2", b"3", b"4"))
    dynamodb = client(body=lambda made: made.replace(b'"a"', b'"' + next(numbers) + b'"'))
    get(dynamodb)
    get(dynamodb)
    assert [request[-5:-4] for request in server.requests] == [b"1", b"2", b"3", b"4"]


def test_a_transaction_without_a_token_has_one_in_all_its_requests(server: Server, pauses: list[float]) -> None:
    server.acts = [HALF, error("InternalServerError", 500), answer(), answer(), answer()]
    dynamodb = client()
    dynamodb.transact_write_items(TransactItems=[])
    dynamodb.transact_write_items(TransactItems=[])
    dynamodb.transact_write_items(TransactItems=[], ClientRequestToken="own")
    tokens = [json.loads(request.partition(b"\r\n\r\n")[2])["ClientRequestToken"] for request in server.requests]
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3]
    assert tokens[4] == "own"


def test_what_runs_is_over_when_it_is_answered_or_raised(server: Server, pauses: list[float]) -> None:
    ended: list[int] = []
    server.acts = [answer(), error("ValidationException"), *[CLOSED] * 4]
    dynamodb = client(ended=lambda: ended.append(1))
    get(dynamodb)
    for _ in range(2):
        with pytest.raises((ClientError, exceptions.ConnectionClosedError)):
            get(dynamodb)
    assert len(ended) == 3


def test_what_it_does_not_know_is_asked_of_botocores_client_and_raised_as_its_own(server: Server) -> None:
    made: list[int] = []

    def rest() -> Any:
        made.append(1)
        return get_session().create_client("dynamodb", region_name="eu-central-1")

    dynamodb = client(rest=cache(rest))
    assert made == []
    server.acts = [answer(200, {"Count": 0}), *[error("ResourceNotFoundException")] * 2, error("Unheard")]
    assert dynamodb.query(TableName="t")["Count"] == 0
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.query(TableName="none")
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        list(dynamodb.get_paginator("query").paginate(TableName="none"))
    with pytest.raises(dynamodb.exceptions.Unheard):
        dynamodb.query(TableName="none")
    assert made == [1]
    assert dynamodb.meta.service_model.service_name == "dynamodb"


def test_events_for_a_global_endpoint_are_botocores(server: Server) -> None:
    class Rest:
        def put_events(self, **arguments: Any) -> Any:
            return arguments

    asked = {"EndpointId": "abcde.veo", "Entries": []}
    assert client("events", rest=Rest).put_events(**asked) == asked
    assert server.requests == []


def test_who_the_service_is_must_be_said_by_an_authority_that_is_trusted(
    environment: pytest.MonkeyPatch, tmp_path: Path, pauses: list[float]
) -> None:
    made = certificate.make(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.chain, made.key)
    server = Server(tls)
    environment.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{server.port}")
    service._trusted.cache_clear()
    with pytest.raises(exceptions.SSLError):
        get(client())
    environment.setenv("AWS_CA_BUNDLE", str(made.authority))
    service._trusted.cache_clear()
    server.acts = [answer(200, {"Item": {"id": {"S": "a"}}})]
    assert "Item" in get(client())
    server.close()
    service._trusted.cache_clear()
