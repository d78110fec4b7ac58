"""One signed HTTP request to an AWS service that speaks JSON, over connections that stay open."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from time import monotonic
from types import TracebackType
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from botocore.credentials import Credentials, ReadOnlyCredentials

from functions.runtime.aws.framing import Malformed
from functions.runtime.aws.signature import Signature
from ops.errors import OpsError
from ops.sqs.wire import Wire
from ops.stage import in_words

PORTS = {"http": 80, "https": 443}


class Unanswered(Exception):
    """No answer came, so nobody knows whether the request was carried out."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


class Transport(Protocol):
    """Carries one request to SQS and brings the answer back."""

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises `Unanswered` where none came."""


class _Client(Protocol):
    async def post(self, headers: Mapping[str, str], payload: bytes) -> tuple[int, bytes]: ...


class HttpTransport:
    """SQS at its endpoint, in AWS's JSON protocol, signed with Signature Version 4.

    Proxies are taken from the environment, `certificates` is a file of authorities to trust, in place of the system's.
    `timeout` are the seconds for one request, that of a connection included.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Credentials,
        *,
        certificates: str | None = None,
        timeout: float = 30,
    ) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in PORTS or not parts.hostname:
            raise OpsError(f"{endpoint} is no endpoint: it begins with http:// or https://, and names a host.")
        self._scheme, self._host = parts.scheme, parts.hostname
        self._port = parts.port or PORTS[parts.scheme]
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self._authority = shown if self._port == PORTS[parts.scheme] else f"{shown}:{self._port}"
        self._certificates = certificates
        proxy = None if proxy_bypass(self._host) else getproxies().get(self._scheme)
        # Without a scheme it is http, as botocore takes it too.
        self._proxy = proxy if not proxy or "://" in proxy else f"http://{proxy.removeprefix('//')}"
        self._signature = Signature("sqs", region, self._authority)
        self.credentials = credentials
        self._frozen: ReadOnlyCredentials | None = None
        self._frozen_from: Credentials | None = None
        self._asked = 0.0
        self._timeout = timeout
        self._open = AsyncExitStack()
        self._client: _Client

    async def __aenter__(self) -> HttpTransport:
        tls = ssl.create_default_context(cafile=self._certificates) if self._scheme == "https" else None
        if not self._proxy:
            wire = Wire(self._host, self._port, tls, timeout=self._timeout)
            self._client = await self._open.enter_async_context(wire)
            return self
        from ops.sqs.proxied import Proxied  # most have no proxy, and its client takes a quarter second to import

        proxied = Proxied(f"{self._scheme}://{self._authority}/", self._proxy, tls, timeout=self._timeout)
        self._client = await self._open.enter_async_context(proxied)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises `Unanswered` where none came, `OpsError` where nobody is signed in."""
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{action}"}
        signed = self._signature.headers(self._credentials(), headers, payload)
        try:
            return await self._client.post(signed, payload)
        except (Malformed, OSError) as error:  # a TimeoutError is an OSError
            raise Unanswered(str(error) or type(error).__name__) from error

    def _credentials(self) -> ReadOnlyCredentials:
        """What to sign with, asked for once a second: each time costs, and AWS lets one go on for minutes."""
        now = monotonic()
        if self._frozen is not None and self._frozen_from is self.credentials and now < self._asked + 1:
            return self._frozen
        with in_words():  # credentials that run out are asked for again here
            frozen: ReadOnlyCredentials = self.credentials.get_frozen_credentials()
        for value in (frozen.access_key, frozen.token or ""):
            if not (value.isascii() and value.isprintable()):
                raise OpsError("The AWS credentials have a line break or a sign in them that no header can carry.")
        self._frozen, self._frozen_from, self._asked = frozen, self.credentials, now
        return frozen
