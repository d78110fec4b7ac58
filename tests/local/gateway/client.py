"""A client that sends exactly what it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Self
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """A response. `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.text)
        return value

    @property
    def message(self) -> str:
        return str(self.json["message"])


class Client:
    """Talks to one gateway over one connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._base = parts.path
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, path: str, body: bytes | str, headers: Mapping[str, str] | None = None) -> Answer:
        """POST with the headers as they are, a JSON content type by default."""
        return self.send("POST", path, body, list({**JSON, **(headers or {})}.items()))

    def send(
        self, method: str, path: str, body: bytes | str = b"", headers: Sequence[tuple[str, str | bytes]] = ()
    ) -> Answer:
        """Any request, with repeated headers if so given."""
        payload = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        self._connection.putrequest(method, self._base + path, skip_accept_encoding=True)
        for name, value in headers:
            self._connection.putheader(name, value)
        self._connection.putheader("Content-Length", str(len(payload)))
        self._connection.endheaders(payload)
        response = self._connection.getresponse()
        text = response.read().decode()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
