"""The way to the local stack's AWS, on which a test lets sign-ins run out, or a service be slow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import urllib3

from local.state import Endpoint

WORDS = "The security token included in the request is expired"
JSON = json.dumps({"__type": "ExpiredTokenException", "message": WORDS}).encode()
XML = (
    f"<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>{WORDS}</Message></Error>"
    "<RequestId>r</RequestId></ErrorResponse>"
).encode()
OF_A_CONNECTION = {"connection", "transfer-encoding", "content-length", "keep-alive"}
WAIT = 30
"""Seconds for which a slow service is waited for at the most, in place of a test's end."""


@dataclass
class Way:
    """Carries each request on, signature and all, unless credentials are `expired` or its service is `slow`."""

    url: str = ""
    expired: bool = False
    slow: frozenset[str] = frozenset()
    """The services, as signatures name them, that answer once they are `let` to."""
    let: Event = field(default_factory=Event)


@contextmanager
def way(to: Endpoint) -> Iterator[Way]:
    """A way to that endpoint, until the end of the block."""
    made, pool = Way(), urllib3.PoolManager(ca_certs=to.ca_bundle, retries=False)

    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if made.expired:
                by_json = "json" in self.headers.get("Content-Type", "")
                self._answer(400 if by_json else 403, {}, JSON if by_json else XML)
                return
            service = self.headers.get("Authorization", "").partition("Credential=")[2].split("/")[3:4]
            if made.slow.intersection(service):
                made.let.wait(WAIT)
            got = pool.request(self.command, to.url + self.path, body=body, headers=dict(self.headers))
            self._answer(got.status, dict(got.headers), got.data)

        def do_GET(self) -> None:
            self.do_POST()

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in OF_A_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a test's own words are enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.let.set()
        server.shutdown()
        thread.join()
        server.server_close()
