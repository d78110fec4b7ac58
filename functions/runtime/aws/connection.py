"""A connection to a service that is kept: one request at a time, and its answer."""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from functions.runtime.aws.framing import Framing
from functions.runtime.waiting import clock, ready

T = TypeVar("T")

RESOLVED = 5.0
"""Seconds for which a host's addresses are those that they were, or cannot be found."""

_known: dict[tuple[str, int], tuple[float, Any]] = {}

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
        """Connect within that time. Of a host's addresses, each but the last has half of what is left of it."""
        end = clock() + seconds
        addresses = _addresses(self._host, self._port)
        while True:
            family, kind, protocol, _, address = addresses.pop(0)
            until = (clock() + end) / 2 if addresses else end
            try:
                plain = _connected(socket.socket(family, kind, protocol), address, until)
                break
            except OSError:
                if not addresses:
                    raise
        self._socket = self._secured(plain, end) if self._tls else plain
        self._used = time.monotonic()

    def _secured(self, plain: socket.socket, end: float) -> ssl.SSLSocket:
        assert self._tls is not None
        secured = self._tls.wrap_socket(plain, server_hostname=self._host, do_handshake_on_connect=False)
        try:
            _persist(secured, secured.do_handshake, end)
        except BaseException:
            secured.close()
            raise
        return secured

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
            self._exchange(request, answer, clock() + seconds)
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
        said, unsaid = False, memoryview(request)
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have said why before it closed
            while unsaid:
                unsaid = unsaid[_persist(self._socket, partial(self._socket.send, unsaid), end, select.POLLOUT) :]
            said = True
        whole = False
        while not whole:
            piece = _persist(self._socket, partial(self._socket.recv, PIECE), end)
            if not piece:
                raise ConnectionResetError("The connection was closed before the answer was whole.")
            whole = answer.feed(piece)
        answer.keeps = answer.keeps and said

    def close(self) -> None:
        """End it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _addresses(host: str, port: int) -> list[Any]:
    """The host's addresses, asked for once in a while: asking holds up everybody, and takes long where nobody answers.

    Raises OSError where there are none.
    """
    since, found = _known.get((host, port), (-math.inf, None))
    if time.monotonic() - since > RESOLVED:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            found = error
        _known[host, port] = time.monotonic(), found
    if isinstance(found, OSError):
        raise type(found)(*found.args)
    return [*found]


def _connected(plain: socket.socket, address: Any, end: float) -> socket.socket:
    try:
        plain.setblocking(False)
        problem = plain.connect_ex(address)
        if problem == errno.EINPROGRESS:
            _wait(plain, select.POLLOUT, end)
            problem = plain.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise OSError(problem, os.strerror(problem))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        plain.close()
        raise
    return plain


def _persist(plain: socket.socket, step: Callable[[], T], end: float, events: int = select.POLLIN) -> T:
    """What `step` returns, done again whenever the socket is ready for it. Raises `TimeoutError` after `end`."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            awaited = select.POLLIN
        except ssl.SSLWantWriteError:
            awaited = select.POLLOUT
        except BlockingIOError:
            awaited = events
        _wait(plain, awaited, end)


def _wait(plain: socket.socket, events: int, end: float) -> None:
    if not ready(plain.fileno(), events, max(end - clock(), 0)):
        raise TimeoutError("The other side did not answer in time.")
