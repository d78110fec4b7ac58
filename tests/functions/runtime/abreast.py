"""A world in which messages of a batch meet: a service on a real socket, and an invocation whose time goes by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from functions.runtime import clients
from functions.runtime.aws.service import Service
from functions.runtime.clients import client
from tests.fixtures import Context
from tests.functions.fakes import Fakes
from tests.functions.runtime.probe import Probe, Probed, Probing

Answer = tuple[int, dict[str, str], bytes]
FINE: Answer = (200, {}, b"{}")


class Dynamo:
    """DynamoDB on a real socket: `answers` decides, from the headers and the body of a request."""

    def __init__(self) -> None:
        self.takes = 0.005
        self.answers: Callable[[dict[str, str], bytes], Answer] = lambda *_: FINE


@contextmanager
def serving(answer: Callable[[int, dict[str, str], bytes], Answer]) -> Iterator[int]:
    """The port of an HTTP service that answers each request by its caller's port, headers and body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told = {name.lower(): text for name, text in self.headers.items()}
            status, headers, content = answer(self.client_address[1], told, body)
            self.send_response_only(status)
            for name, text in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def dynamodb(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dynamo]:
    """What `client("dynamodb")` asks; everything else is as in `fakes`."""
    one = Dynamo()

    def answer(_: int, headers: dict[str, str], body: bytes) -> Answer:
        time.sleep(one.takes)
        return one.answers(headers, body)

    with serving(answer) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        made = Service(
            "dynamodb",
            seconds=partial(clients._hurried, "dynamodb", clients.READ),
            ended=clients._ended,
            body=clients.told_apart,
            rest=lambda: None,
        )
        monkeypatch.setitem(clients.made, "dynamodb", made)
        yield one
        made.close()


class Falling(Context):
    """An invocation whose time goes by."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


def get(name: str = "x") -> Any:
    return client("dynamodb").get_item(TableName="t", Key={"id": {"S": name}})


def call(probe: Probe, _: object = None) -> list[Probed]:
    get(probe.name)
    return [Probed(name=probe.name)]


def warmed(**moves: Any) -> Probing:
    """A worker that knows from its last batch that messages take next to nothing."""
    probing = Probing(**moves)
    probing.handler._pace.took(0.001)
    return probing


def told(fakes: Fakes) -> list[str]:
    return [envelope["data"]["name"] for envelope in fakes.events.envelopes]
