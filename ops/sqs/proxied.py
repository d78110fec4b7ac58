"""Requests that go through a proxy, which a general HTTP client knows how to speak to."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType

import aiohttp
from yarl import URL


class Proxied:
    """POST to one address through a proxy."""

    def __init__(self, address: str, proxy: str, tls: ssl.SSLContext | None, *, timeout: float) -> None:
        self._address = URL(address)
        self._proxy = proxy
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls or True),
            timeout=aiohttp.ClientTimeout(total=timeout),
            skip_auto_headers=("accept", "accept-encoding", "user-agent"),
        )

    async def __aenter__(self) -> Proxied:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def post(self, headers: Mapping[str, str], payload: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises `TimeoutError`, `OSError` where none came."""
        try:
            async with self._session.post(
                self._address, data=payload, headers=headers, proxy=self._proxy, allow_redirects=False
            ) as answer:
                return answer.status, await answer.read()
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error
