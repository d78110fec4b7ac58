"""A service that answers, refuses, hangs and goes, and our client of it."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from functions.runtime.aws.service import Service

CLOSED, HANGS, HALF = b"closed", b"hangs", b"half"
"""What a service may do instead of answering."""
OPEN: list[Service] = []


def answer(status: int = 200, body: Any = None, **headers: str) -> bytes:
    content = json.dumps({} if body is None else body).encode() if not isinstance(body, bytes) else body
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\n{named}Content-Length: {len(content)}\r\n\r\n".encode() + content


def error(code: str, status: int = 400, **fields: Any) -> bytes:
    return answer(status, {"__type": f"com.amazonaws#{code}", "message": f"this is {code}", **fields})


class Server:
    """Does one thing after the other, each for one request, whatever the connection."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.acts: list[bytes] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._tls = tls
        self._listens = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listens.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listens.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=[plain], daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            client = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            self.open.append(client)
            while request := self._read(client):
                self.requests.append(request)
                act = self.acts.pop(0)
                if act == HANGS:
                    time.sleep(30)
                if act in (CLOSED, HALF):
                    client.sendall(answer(200, {"Item": {}})[:40] if act == HALF else b"")
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(act)
        except (OSError, IndexError):
            return

    @staticmethod
    def _read(client: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            if not (piece := client.recv(65536)):
                return b""
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(head.lower().rpartition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += client.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listens.close()
        for client in self.open:
            client.close()


def client(name: str = "dynamodb", *, seconds: Callable[[], float] = lambda: 5.0, **more: Any) -> Service:
    OPEN.append(Service(name, seconds=seconds, rest=more.pop("rest", lambda: None), **more))
    return OPEN[-1]


def get(of: Service) -> Any:
    return of.get_item(TableName="t", Key={"id": {"S": "a"}})
