"""Whether a third party signed a body: HMAC-SHA256, compared in constant time."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable

from functions.contracts.webhooks import Scheme

TOLERANCE = 300
"""Seconds between the time that a signature says and the arrival of its request, either way."""


class ForgedError(Exception):
    """The signature is not the sender's for this body, or too old to be believed."""


def check(scheme: Scheme, signature: str, body: str, *, secrets: Iterable[str], received: float) -> None:
    """Raise `ForgedError` unless one of the secrets signed the body as `signature` says.

    `received` is when the request arrived, in epoch seconds: a message may wait, rest and be redriven for weeks after.
    """
    if not re.fullmatch(scheme.pattern, signature):
        raise ForgedError("the signature is malformed")
    signed, given = body, [signature.partition("=")[2] if signature.startswith("sha256=") else signature]
    if scheme.timed:
        at, *signatures = signature.split(",")
        seconds = at.removeprefix("t=")
        if abs(received - int(seconds)) > TOLERANCE:
            raise ForgedError(f"it was signed {abs(received - int(seconds)):.0f} s away from its arrival")
        signed, given = f"{seconds}.{body}", [one.removeprefix("v1=") for one in signatures if one.startswith("v1=")]
    # Every pair is compared, so that the time says nothing of which one matched.
    matches = [
        hmac.compare_digest(expected(scheme, secret, signed).encode(), one.encode())
        for secret in secrets
        for one in given
    ]
    if not any(matches):
        raise ForgedError("the signature does not match the body")


def expected(scheme: Scheme, secret: str, signed: str) -> str:
    """The signature of `signed` in the encoding of the scheme."""
    digest = hmac.digest(secret.encode(), signed.encode(), "sha256")
    return digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode()
