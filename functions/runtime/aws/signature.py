"""AWS Signature Version 4 for one kind of request: POST to the root of a service, headers known beforehand.

botocore's signer handles every request there is and costs as much as the rest of a call; a mover makes thousands of
calls a second that differ in nothing but action, payload and time. A test holds this one to botocore's results.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from functools import lru_cache
from typing import Protocol


class Credentials(Protocol):
    """Who signs; temporary credentials have a token."""

    @property
    def access_key(self) -> str:
        """The key's id."""

    @property
    def secret_key(self) -> str:
        """The key."""

    @property
    def token(self) -> str | None:
        """What AWS gave with temporary ones."""


class Signature:
    """Signs requests of one service in one region to one host."""

    def __init__(self, service: str, region: str, host: str) -> None:
        self._service = service
        self._region = region
        self._host = host

    def headers(
        self, credentials: Credentials, headers: dict[str, str], payload: bytes, now: float | None = None
    ) -> dict[str, str]:
        """The headers of the request, signed; `headers` are lower-case names with values without outer spaces."""
        moment = _moment(int(time.time() if now is None else now))
        signed = {"host": self._host, "x-amz-date": moment, **headers}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        lines = "".join(f"{name}:{signed[name]}\n" for name in names)
        listed = ";".join(names)
        request = f"POST\n/\n\n{lines}\n{listed}\n{hashlib.sha256(payload).hexdigest()}"
        scope = f"{moment[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = _signing_key(credentials.secret_key, moment[:8], self._region, self._service)
        signature = _hmac(key, text).hex()
        credential = f"{credentials.access_key}/{scope}"
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={listed}, Signature={signature}"
        )
        return signed


@lru_cache(4)
def _moment(second: int) -> str:
    """The time as it is signed, which is the same for all requests of a second."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))


@lru_cache(4)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key of a day, which is the same for all its requests."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
