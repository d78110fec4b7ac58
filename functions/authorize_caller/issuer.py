"""Asks the issuer for its public keys, as a stranger: over https, without redirects, for a moment, and for so much.

Where the keys are is found by OpenID Connect Discovery, or a setting says it.
https://openid.net/specs/openid-connect-discovery-1_0.html
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from contextlib import suppress
from http.client import HTTPSConnection
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from functions.authorize_caller.refusal import IssuerError

TIMEOUT = 3.0
"""Seconds that all of it may take: names, connections, the discovery document and the keys."""
LARGEST = 256 * 1024
"""Bytes that a document may have."""


def key_set(issuer: str, jwks_uri: str | None = None) -> list[Any]:
    """The entries of the issuer's key set, as they are. Raises `IssuerError` after `TIMEOUT` at the latest."""
    inquiry = _Inquiry(issuer, jwks_uri)
    inquiry.start()
    inquiry.join(TIMEOUT)
    return inquiry.end()


class _Inquiry(Thread):
    """Both requests. Beside the one who waits, because a byte every second keeps within every timeout of a socket."""

    def __init__(self, issuer: str, jwks_uri: str | None) -> None:
        super().__init__(name="issuer", daemon=True)
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        self._until = time.monotonic() + TIMEOUT
        self._socket: socket.socket | None = None
        self._ended = False
        self._lock = Lock()
        self._found: list[Any] | IssuerError = self._late()

    def run(self) -> None:
        try:
            self._found = self._entries()
        except IssuerError as error:
            self._found = error
        except Exception as error:  # whatever a stranger's bytes make of a parser
            self._found = IssuerError(f"{self._issuer}: {type(error).__name__}: {error}")

    def end(self) -> list[Any]:
        """What was found so far; what is still under way is cut off, and nothing begins any more."""
        found = self._found
        with self._lock:
            self._ended = True
            if self._socket is not None:
                with suppress(OSError):  # it is closed already
                    self._socket.shutdown(socket.SHUT_RDWR)
        if isinstance(found, IssuerError):
            raise found
        return found

    def _late(self) -> IssuerError:
        return IssuerError(f"{self._issuer} takes more than {TIMEOUT:g} seconds.")

    def _entries(self) -> list[Any]:
        context = ssl.create_default_context()
        address = self._jwks_uri or self._discovered(context)
        entries = self._document(address, context).get("keys")
        if not isinstance(entries, list):
            raise IssuerError(f"{address} has no list of keys.")
        return entries

    def _discovered(self, context: ssl.SSLContext) -> str:
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        said = self._document(address, context)
        if said.get("issuer") != self._issuer:
            raise IssuerError(f"{address} is another issuer's.")
        found = said.get("jwks_uri")
        if not isinstance(found, str) or _origin(found) != _origin(self._issuer):
            raise IssuerError(f"{address} has its keys at another origin; say so by the setting jwt.jwks_uri.")
        return found

    def _document(self, address: str, context: ssl.SSLContext) -> dict[str, Any]:
        parts = urlsplit(address)
        left = max(self._until - time.monotonic(), 0.001)
        # It follows no redirect, and knows neither proxies nor any other scheme.
        connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=left, context=context)
        try:
            self._connect(connection)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "authorize_caller"})
            with connection.getresponse() as response:
                if response.status != 200:
                    raise IssuerError(f"{address} answers {response.status}.")
                content = response.read(LARGEST + 1)
        finally:
            connection.close()
        if len(content) > LARGEST:
            raise IssuerError(f"{address} has more than {LARGEST:,} bytes.")
        document = json.loads(content)
        if not isinstance(document, dict):
            raise IssuerError(f"{address} is no JSON object.")
        return document

    def _connect(self, connection: HTTPSConnection) -> None:
        """Connects, within the connection's time; from then on `end` cuts it off, if it has not come already."""
        connection.connect()
        with self._lock:
            # Kept here because http.client lets go of it once it has the head of an answer that ends the connection.
            self._socket = connection.sock
            if self._ended:
                raise self._late()


def _origin(address: str) -> tuple[str, str | None, str | None, int]:
    """Who is asked, and as whom: nobody."""
    parts = urlsplit(address)
    return parts.scheme, parts.username, parts.hostname, parts.port or 443
