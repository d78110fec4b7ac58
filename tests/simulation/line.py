"""The network below our own client: what stands for its connections, with the faults that the wire has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import ClassVar

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from functions.runtime.aws.framing import Framing
from tests.simulation.wire import Wire


class Request:
    """A request as botocore's session would be given it."""

    def __init__(self, written: bytes) -> None:
        head, _, self.body = written.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.method, self.url, _ = first.split(" ")
        named = (line.partition(": ") for line in lines)
        self.headers = {"-".join(part.capitalize() for part in name.split("-")): value for name, _, value in named}


class Line:
    """A connection that goes over the wire of whoever runs. `stale` is what a frozen worker cannot know."""

    wire: ClassVar[Callable[[], Wire]]
    """The wire of the world that runs."""
    stale = False

    def __init__(self, *_: object) -> None:
        self.fresh = True
        self._wire = type(self).wire()

    def open(self, seconds: float) -> None:
        """What becomes of it is decided when something is asked."""
        self._wire.connect_timeout = seconds

    def ask(self, request: bytes, seconds: float) -> Framing:
        """The answer. Raises as a socket does."""
        self.fresh = False
        self._wire.read_timeout = seconds
        try:
            # The module of the sandbox that runs, which knows what else runs side by side in it.
            answer = self._wire.exchange(Request(request), sys.modules["functions.runtime.waiting"].sleep)
        except ReadTimeoutError as error:
            raise TimeoutError from error
        except ConnectionClosedError as error:
            raise ConnectionResetError from error
        framing = Framing()
        headers = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        body = answer.content
        assert framing.feed(
            f"HTTP/1.1 {answer.status_code} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
        )
        return framing

    def close(self) -> None:
        """Nothing is open."""
