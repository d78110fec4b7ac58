"""What is no request, or none that the API foresaw, has the documented answer, too: JSON with a correlation id."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from local.gateway import velocity
from local.gateway.server import Gateway
from stacks.edge.answers import ANSWERS
from tests.local.gateway.client import Answer, Client
from tests.local.gateway.examples import CHANGES, GITHUB, KEY, TICKET, TICKETS
from tests.local.gateway.receiver import Receiver

START = b"POST /local/v1/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\n"
END = b"Content-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def fresh(gateway: Gateway) -> Callable[[bytes], Answer]:
    """Sends bytes to the gateway, and reads its answer."""

    def send(sent: bytes) -> Answer:
        with closing(socket.create_connection(("127.0.0.1", gateway._port), timeout=10)) as connection:
            connection.sendall(sent)
            response = HTTPResponse(connection)
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read().decode())

    return send


def is_documented(answer: Answer) -> None:
    """Whether it is JSON with a message and a correlation id, which a header says, too."""
    assert answer.headers["content-type"].partition(";")[0] == "application/json"
    assert set(answer.json) == {"message", "correlation_id"}
    assert answer.headers["x-correlation-id"] == answer.json["correlation_id"] == answer.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (START + b"Content-Type: text/plain\r\nContent-Type: application/json\r\n" + END, 400),
        (START.replace(b"POST", b"F\xc3\xb6\xc3\xb6") + END, 400),
        (START.replace(b"POST", b"post") + END, 400),
        (START.replace(b"POST", b"FOO") + END, 400),
        (START.replace(b"tickets", b"t\xc3\xa9") + END, 400),
        (START + b"X-Long: " + b"x" * 10_300 + b"\r\n" + END, 400),
        (START + b"".join(b"X-%d: x\r\n" % number for number in range(200)) + END, 400),
        (START + b"no colon\r\n" + END, 400),
        (START + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (START.replace(b"/local/", b"/prod/") + END, 403),
        (START.replace(b"/local/v1/tickets", b"/") + END, 403),
        (START + b"Origin: https://page.example\r\n" + END, 403),
    ],
    ids=[
        *(
            "two types",
            "method",
            "lower case",
            "unknown",
            "path",
            "long header",
            "many headers",
            "no header",
            "chunk",
            "TLS",
        ),
        *("stage", "root", "page"),
    ],
)
def test_what_never_reaches_the_api_is_answered_in_json(
    fresh: Callable[[bytes], Answer], receiver: Receiver, sent: bytes, status: int
) -> None:
    answer = fresh(sent)
    is_documented(answer)
    assert (answer.status, receiver.calls) == (status, 0)


def test_headers_may_be_as_long_as_api_gateway_takes_them(client: Client, receiver: Receiver) -> None:
    assert client.post(TICKETS, TICKET, {"X-Long": "x" * 9_500}).status == 202


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
@pytest.mark.parametrize(
    ("path", "headers"), [(TICKETS, {}), (CHANGES, KEY), ("/v1/webhooks/github", GITHUB)], ids=["", "fifo", "webhook"]
)
def test_a_compressed_body_is_never_another_body(
    client: Client, receiver: Receiver, path: str, headers: dict[str, str], encoding: str
) -> None:
    whole = TICKET.encode()
    for sent in (gzip.compress(whole), zlib.compress(whole), zlib.compress(whole)[2:-4], b"\x1f\x8b garbage"):
        answer = client.post(path, sent, headers | {"Content-Encoding": encoding})
        assert (answer.status, receiver.calls) == (400, 0)
        assert answer.json["correlation_id"]


def test_a_body_that_only_says_it_was_compressed_arrives_as_it_was_sent(client: Client, receiver: Receiver) -> None:
    assert client.post(TICKETS, TICKET, {"Content-Encoding": "gzip"}).status == 202
    assert receiver.taken[0].body.decode() == TICKET


def test_what_nobody_foresaw_is_a_500_and_the_execution_log_says_what(
    client: Client, receiver: Receiver, assembly: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise ZeroDivisionError("of\nnobody")

    with monkeypatch.context() as patch:
        patch.setattr(velocity, "render", fail)
        answer = client.post(TICKETS, TICKET, {"X-Correlation-Id": "mine"})
    assert (answer.status, receiver.calls) == (500, 0)
    assert answer.message == next(each.message for each in ANSWERS if each.kind == "DEFAULT_5XX")
    assert answer.json["correlation_id"] == answer.headers["x-correlation-id"]
    assert answer.headers["content-type"] == "application/json"
    line = (assembly.parent / "execution.log").read_text().splitlines()[-1]
    assert line.startswith(f"({answer.headers['x-amzn-requestid']}) Execution failed: ")
    assert "ZeroDivisionError: of\\nnobody" in line
    assert json.loads((assembly.parent / "access.log").read_text().splitlines()[-1])["status"] == "500"
    assert client.post(TICKETS, TICKET).status == 202


def test_what_fails_around_the_api_is_a_500_too(
    gateway: Gateway, fresh: Callable[[bytes], Answer], assembly: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(gateway, "_current", fail)
        answer = fresh(START + END)
    is_documented(answer)
    assert answer.status == 500
    line = (assembly.parent / "execution.log").read_text().splitlines()[-1]
    assert line.startswith(f"({answer.headers['x-amzn-requestid']}) Execution failed: ")
    assert "ZeroDivisionError" in line
