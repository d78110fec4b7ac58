"""A connection to a service that is kept: one request at a time, and its answer."""

from __future__ import annotations

import select
import socket
import ssl
import time

from functions.runtime.aws.framing import Framing

PIECE = 65_536
"""Bytes that are read at once, at the most."""
KEPT = 50.0
"""Seconds after which a connection that nobody used is not trusted: the services close theirs after about a minute, and
a worker that Lambda froze may not have heard of it."""


class Connection:
    """A connection to `host`. `open`, `ask` and `close` raise OSError; who waits too long gets its `TimeoutError`."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.fresh = True
        """Whether nothing was asked by it yet."""
        self._host = host
        self._port = port
        self._tls = tls
        self._socket: socket.socket | None = None
        self._used = 0.0

    def open(self, seconds: float) -> None:
        """Connect within that time."""
        plain = socket.create_connection((self._host, self._port), timeout=seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._tls.wrap_socket(plain, server_hostname=self._host) if self._tls else plain
        except BaseException:
            plain.close()
            raise
        self._used = time.monotonic()

    @property
    def stale(self) -> bool:
        """Whether the other side has closed it, or will have by now."""
        if self._socket is None or time.monotonic() - self._used > KEPT:
            return True
        return bool(select.select([self._socket], [], [], 0)[0])

    def ask(self, request: bytes, seconds: float) -> Framing:
        """The whole answer, within that time. Raises `Malformed` for one that cannot be relied on, and
        `ConnectionResetError` where the other side ends before its answer does.
        """
        assert self._socket is not None
        end = time.monotonic() + seconds
        answer = Framing()
        self.fresh = False
        self._socket.settimeout(seconds)
        self._socket.sendall(request)
        whole = False
        while not whole:
            self._socket.settimeout(max(end - time.monotonic(), 0.001))
            piece = self._socket.recv(PIECE)
            if not piece:
                raise ConnectionResetError("The connection was closed before the answer was whole.")
            whole = answer.feed(piece)
        self._used = time.monotonic()
        return answer

    def close(self) -> None:
        """End it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
