"""An API on this machine that keeps what it is asked, byte for byte, and answers what a test says."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

GOOD = {"message_id": "m-1", "correlation_id": "corr-1"}


def answer(status: int, body: Any = None, **headers: str) -> bytes:
    """An answer as it goes over the wire."""
    text = body if isinstance(body, bytes) else json.dumps(GOOD if body is None else body).encode()
    said = {"Content-Type": "application/json", "Content-Length": str(len(text))}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + text


@dataclass
class Asked:
    """What was asked."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Api:
    """Answers every request with `answers`' next, the last again and again; None is no answer at all."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[bytes | None] = field(default_factory=lambda: [answer(202, X_Correlation_Id="corr-1")])
    over: threading.Event = field(default_factory=threading.Event)

    def serve(self, listening: socket.socket) -> None:
        while not self.over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                head = b"".join(iter(file.readline, b"\r\n"))
                line, _, rest = head.partition(b"\r\n")
                headers = {name.lower(): value for name, value in message_from_bytes(rest).items()}
                body = file.read(int(headers.get("content-length", 0)))
                self.asked.append(Asked(line.decode(), headers, body))
                said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if said is None:
                    self.over.wait(30)
                    continue
                try:
                    connection.sendall(said)
                except OSError:
                    continue  # it was told enough


@contextmanager
def running() -> Iterator[Api]:
    """One in a thread of its own, as long as the body runs."""
    listening = socket.create_server(("127.0.0.1", 0))
    api = Api(f"http://127.0.0.1:{listening.getsockname()[1]}/local")
    thread = threading.Thread(target=api.serve, args=(listening,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)
