"""A connection to a service that is kept: one request at a time, and its answer."""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from contextlib import suppress

from functions.runtime.aws.framing import Framing

PIECE = 65_536
"""Bytes that are read at once, at the most."""
KEPT = 50.0
"""Seconds after which a connection that nobody used is not trusted: the services close theirs after about a minute, and
a worker that Lambda froze may not have heard of it."""


class Within(ConnectionError):
    """The connection ended within an answer, so the service has seen the request."""


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
        self._process = os.getpid()

    def open(self, seconds: float) -> None:
        """Connect within that time."""
        end = time.monotonic() + seconds
        plain = socket.create_connection((self._host, self._port), timeout=seconds)
        try:
            plain.settimeout(max(end - time.monotonic(), 0.001))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._tls.wrap_socket(plain, server_hostname=self._host) if self._tls else plain
        except BaseException:
            plain.close()
            raise
        self._used = time.monotonic()

    @property
    def stale(self) -> bool:
        """Whether the other side has closed it, or will have by now; or it is that of the process before a fork."""
        if self._socket is None or time.monotonic() - self._used > KEPT or self._process != os.getpid():
            return True
        arrived = select.poll()
        arrived.register(self._socket, select.POLLIN)
        return bool(arrived.poll(0)) and not self._is_silent()

    def _is_silent(self) -> bool:
        """Whether what arrived was TLS's own, such as the tickets that follow a handshake; then it is read."""
        assert self._socket is not None
        try:
            self._socket.settimeout(0)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def ask(self, request: bytes, seconds: float) -> Framing:
        """The whole answer, within that time. Raises `Malformed` for one that cannot be relied on, `Within` where the
        other side ends before its answer does, and `ConnectionResetError` where it has not begun one.
        """
        answer = Framing()
        self.fresh = False
        try:
            self._exchange(request, answer, time.monotonic() + seconds)
        except TimeoutError:
            raise
        except OSError as error:
            if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
                raise
            # The network may be what went: whatever it is called, nothing more comes by this connection.
            raise (Within if answer.began else ConnectionResetError)(str(error)) from error
        self._used = time.monotonic()
        return answer

    def _exchange(self, request: bytes, answer: Framing, end: float) -> None:
        assert self._socket is not None
        self._socket.settimeout(max(end - time.monotonic(), 0.001))
        said = False
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have said why before it closed
            self._socket.sendall(request)
            said = True
        whole = False
        while not whole:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("The answer was not whole in time.")
            self._socket.settimeout(left)
            piece = self._socket.recv(PIECE)
            if not piece:
                raise ConnectionResetError("The connection was closed before the answer was whole.")
            whole = answer.feed(piece)
        answer.keeps = answer.keeps and said

    def close(self) -> None:
        """End it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
