"""`python -m tests.redrive_fuzz.moto_engine`: moto's SQS behind HTTP; it prints its address, and ends with its input.

moto's own server needs Flask. It answers one request at a time, because moto's queues are not made for two.
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from moto.core.request import Request
from moto.sqs.responses import SQSResponse
from werkzeug.exceptions import HTTPException

ONE_AT_A_TIME = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        url = f"http://{self.headers['host']}{self.path}"
        with ONE_AT_A_TIME:
            try:
                request = Request.from_primitives("POST", url, self.headers, body)
                status, headers, answer = SQSResponse.dispatch(request, url, request.headers)
            except HTTPException as error:
                status, headers, answer = error.code or 500, dict(error.get_headers()), error.get_body()
        told = answer.encode() if isinstance(answer, str) else answer
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "date", "server", "connection"):
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Says nothing."""


def main() -> None:
    """Serve until standard input closes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
