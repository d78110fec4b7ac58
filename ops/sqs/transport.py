"""One signed HTTP request to an AWS service that speaks JSON, over connections that stay open."""

from __future__ import annotations

import ssl
from typing import Any, Protocol
from urllib.request import getproxies, proxy_bypass

import aiohttp
from botocore.credentials import Credentials
from yarl import URL

from ops.sqs.sigv4 import Signature
from ops.stage import in_words


class Unanswered(Exception):
    """No answer came, so nobody knows whether the request was carried out."""


class Transport(Protocol):
    """Carries one request to SQS and brings the answer back."""

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises `Unanswered` where none came."""


class HttpTransport:
    """SQS at its endpoint, in AWS's JSON protocol, signed with Signature Version 4.

    Proxies are taken from the environment, `certificates` is a file of authorities to trust.
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
        self._tls: ssl.SSLContext | bool = ssl.create_default_context(cafile=certificates) if certificates else True
        self._url = URL(endpoint).with_path("/")
        # Looked up once: aiohttp's own look at the environment costs as much as the rest of a request.
        bypassed = proxy_bypass(self._url.host or "")
        self._proxy = None if bypassed else getproxies().get(self._url.scheme)
        self._signature = Signature("sqs", region, self._url.authority.rpartition("@")[2])
        self.credentials = credentials
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpTransport:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0, ttl_dns_cache=60, keepalive_timeout=30)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            skip_auto_headers=("accept", "accept-encoding", "user-agent"),
        )
        return self

    async def __aexit__(self, *exc: Any) -> None:
        if self._session is not None:
            await self._session.close()

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises `Unanswered` where none came, `OpsError` where nobody is signed in."""
        assert self._session is not None
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"AmazonSQS.{action}"}
        with in_words():  # credentials that run out are asked for again here
            frozen = self.credentials.get_frozen_credentials()
        signed = self._signature.headers(frozen, headers, payload)
        try:
            async with self._session.post(
                self._url, data=payload, headers=signed, proxy=self._proxy, allow_redirects=False
            ) as answer:
                return answer.status, await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unanswered(str(error) or type(error).__name__) from error
