"""Connections to one host that stay open, and POST requests over them, one at a time on each.

What a general HTTP client does for each request costs as much as all the rest of a mover; to one known service there
is little to do. A request is never repeated here: a connection that ends before the answer began may have carried it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import cast

from functions.runtime.aws.framing import Framing, Malformed

KEPT = 30.0
"""Seconds after which a connection that nobody used is used no more: the other side is about to close it."""
MOST = 100
"""Connections at once; who needs another waits."""


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport
        self.idle_since = 0.0
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._answer: Framing | None = None
        self._whole: asyncio.Future[Framing] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no instances of it

    async def ask(self, request: bytes, until: float) -> Framing:
        """The answer to a request, if it comes `until` then. Raises `Malformed`, `TimeoutError`, `ConnectionError`."""
        if self.transport.is_closing():
            raise ConnectionResetError("the connection was closed")
        self._answer, self._whole = Framing(), self._loop.create_future()
        # A handle of the loop's own costs a tenth of what `asyncio.timeout` does.
        patience = self._loop.call_at(until, self._give_up)
        try:
            self.transport.write(request)
            return await self._whole
        finally:
            patience.cancel()

    def _give_up(self) -> None:
        if self._whole is not None and not self._whole.done():
            self._whole.set_exception(TimeoutError("no answer came in time"))

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._whole is None or self._whole.done():
            self.transport.abort()  # nobody asked for it, so it would be taken for the next answer
            return
        try:
            if self._answer.feed(data):
                self._whole.set_result(self._answer)
                self._answer = None
        except Malformed as error:
            self._whole.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)
        if self._whole is not None and not self._whole.done():
            began = self._answer is not None and self._answer.began
            how = "within its answer" if began else "before an answer"
            self._whole.set_exception(ConnectionResetError(f"the connection ended {how}"))


class Wire:
    """POST / to one host, over TLS where a context is given. `timeout` is for a connection and an answer together."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, *, timeout: float, most: int = MOST) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._timeout = timeout
        self._room = asyncio.Semaphore(most)
        self._idle: list[_Line] = []
        self._lines: set[_Line] = set()

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lines = list(self._lines)
        for line in lines:
            line.transport.abort()
        await asyncio.gather(*(line.over for line in lines))

    async def post(self, headers: Mapping[str, str], payload: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; `headers` are names and values without line breaks, the host's among them.

        Raises `TimeoutError`, `OSError` and `Malformed` where none came that can be relied on.
        """
        fields = "\r\n".join([f"{name}: {value}" for name, value in headers.items()])
        head = f"POST / HTTP/1.1\r\n{fields}\r\naccept-encoding: identity\r\ncontent-length: {len(payload)}\r\n\r\n"
        now = asyncio.get_running_loop().time
        async with self._room:
            until = now() + self._timeout
            line = self._free(now()) or await self._connect()
            keeps = False
            try:
                answer = await line.ask(head.encode("ascii") + payload, until)
                # An answer before the whole request was sent is one to a part of it, and the rest is no request.
                keeps = answer.keeps and not line.transport.get_write_buffer_size()
            finally:
                if keeps:
                    line.idle_since = now()
                    self._idle.append(line)
                else:
                    line.transport.abort()
            return answer.status, answer.body

    def _free(self, now: float) -> _Line | None:
        while self._idle:
            line = self._idle.pop()
            if now - line.idle_since < KEPT and not line.transport.is_closing():
                return line
            line.transport.abort()
        return None

    async def _connect(self) -> _Line:
        async with asyncio.timeout(self._timeout):
            _, line = await asyncio.get_running_loop().create_connection(_Line, self._host, self._port, ssl=self._tls)
        self._lines.add(line)
        line.over.add_done_callback(lambda _: self._lines.discard(line))
        return line
