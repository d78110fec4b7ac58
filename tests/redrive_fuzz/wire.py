"""HTTP/1.1 as the proxy needs it: one request after the other on a connection, whole, and on to the engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass
class Asked:
    """A request."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def action(self) -> str:
        """What is asked of which service, such as `AmazonSQS.ReceiveMessage`."""
        return self.headers.get("x-amz-target", "")


@dataclass
class Answer:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def encoded(self) -> bytes:
        """As it goes over the wire."""
        head = f"HTTP/1.1 {self.status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"{head}content-length: {len(self.body)}\r\n\r\n".encode("latin-1") + self.body


async def asked(reader: asyncio.StreamReader) -> Asked:
    """The next request. Raises `IncompleteReadError` where there is none."""
    line, headers = await _head(reader)
    return Asked(line, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.split("\r\n")
    return line, {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields if each)}


class Upstream:
    """The engine, over connections that stay open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: Asked) -> Answer:
        """The engine's answer. Raises `ConnectionError` where it gives none."""
        headers = {**request.headers, "content-length": str(len(request.body))}
        headers.pop("connection", None)
        head = request.line + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        while True:
            fresh = not self._idle
            reader, writer = (
                await asyncio.open_connection("127.0.0.1", self._port, limit=2**18) if fresh else self._idle.pop()
            )
            try:
                writer.write(head.encode("latin-1") + request.body)
                answer = await self._answer(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                if fresh:
                    raise ConnectionError("the engine closed the connection") from None
                continue  # it was closed while it was idle
            self._idle.append((reader, writer))
            return answer

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        line, headers = await _head(reader)
        if headers.pop("transfer-encoding", "") == "chunked":
            body = b""
            while size := int((await reader.readline()).split(b";")[0], 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(headers.pop("content-length", 0)))
        return Answer(int(line.split()[1]), headers, body)

    def close(self) -> None:
        """Closes what is open."""
        for _, writer in self._idle:
            writer.close()
