"""Who signed a request to a method that IAM authorizes, and whether they may call it.

The signature is checked by the emulator, which has the keys, together with the caller's policies.
https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
"""

from __future__ import annotations

import base64
import hashlib
import time
from calendar import timegm
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from local.gateway.errors import Refusal

Judge = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, str]]]
"""What IAM says of a request: who signed it, or the `code` and `message` with which it is refused."""

MISSING = "Missing Authentication Token"
SERVICE = "execute-api"
ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST = 604_800
"""Seconds for which a presigned request is good at most.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html"""
# What API Gateway answers for what IAM says; for anything else the signature is invalid.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
KINDS = {
    "AccessDenied": "ACCESS_DENIED",
    "ExpiredTokenException": "EXPIRED_TOKEN",
    "MissingAuthenticationToken": "MISSING_AUTHENTICATION_TOKEN",
}


async def identify(
    judge: Judge,
    *,
    http_method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    source_ip: str,
    arn: str,
    region: str,
) -> dict[str, str]:
    """Who signed the request, as `$context.identity` has it. Raises `Refusal`.

    `target` is path and query as they were sent, `arn` the method as IAM names it. A signature is for one body: its
    hash counts, whatever a header says.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    given = {name.lower(): value for name, value in headers.items()}
    query = target.partition("?")[2]
    scope = (_signed(given["authorization"]) if "authorization" in given else _presigned(query)).split("/")
    if len(scope) != 5:
        raise Refusal("INVALID_SIGNATURE", "Credential must have exactly 5 slash-delimited elements.")
    if scope[2] != region:
        raise Refusal("INVALID_SIGNATURE", "Credential should be scoped to a valid region.")
    if scope[3] != SERVICE:
        raise Refusal("INVALID_SIGNATURE", f"Credential should be scoped to correct service: '{SERVICE}'.")
    if given.get("x-amz-content-sha256", found := hashlib.sha256(body).hexdigest()) != found:
        raise Refusal("INVALID_SIGNATURE", "The hash that was signed is not the body's.")
    said = await judge(
        {
            "method": http_method,
            "target": target,
            "headers": list(given.items()),
            "body": base64.b64encode(body).decode(),
            "source_ip": source_ip,
            "arn": arn,
        }
    )
    if "code" in said:
        raise Refusal(KINDS.get(said["code"], "INVALID_SIGNATURE"), said["message"])
    return dict(said)


def _signed(authorization: str) -> str:
    """The credential of a signature in the header. Raises `Refusal`."""
    algorithm, _, rest = authorization.partition(" ")
    if not authorization:
        raise Refusal("MISSING_AUTHENTICATION_TOKEN", MISSING)
    parts = [part.strip().partition("=") for part in rest.split(",")]
    # Each once: who reads the first and who reads the last must see the same.
    if algorithm != ALGORITHM or sorted(part[0] for part in parts) != ["Credential", "Signature", "SignedHeaders"]:
        raise Refusal("INVALID_SIGNATURE", "Authorization is no signature of AWS4-HMAC-SHA256.")
    return next(value for name, _, value in parts if name == "Credential")


def _presigned(query: str) -> str:
    """The credential of a signature in the query, while it is good. Raises `Refusal`."""
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0].lower().startswith("x-amz-")]
    said = dict(pairs)
    if "X-Amz-Signature" not in said:
        raise Refusal("MISSING_AUTHENTICATION_TOKEN", MISSING)
    if len({name.lower() for name in said}) != len(pairs) or said.get("X-Amz-Algorithm") != ALGORITHM:
        raise Refusal("INVALID_SIGNATURE", "The query is no signature of AWS4-HMAC-SHA256.")
    try:
        signed, seconds = timegm(time.strptime(said["X-Amz-Date"], "%Y%m%dT%H%M%SZ")), int(said["X-Amz-Expires"])
    except (KeyError, ValueError):
        raise Refusal("INVALID_SIGNATURE", "The query does not say when it was signed and for how long.") from None
    if not 1 <= seconds <= LONGEST or time.time() > signed + seconds:
        raise Refusal("INVALID_SIGNATURE", "The signature is no longer good, or good for too long.")
    return said.get("X-Amz-Credential", "")
