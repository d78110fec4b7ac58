"""Who signed a request to a method that IAM authorizes, and whether they may call it.

The signature is checked by the emulator, which has the keys, together with the caller's policies.
https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from local.gateway.errors import Refusal

Judge = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, str]]]
"""What IAM says of a request: who signed it, or the `code` and `message` with which it is refused."""

MISSING = "Missing Authentication Token"
SERVICE = "execute-api"
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

    `target` is path and query as they were sent, `arn` the method as IAM names it.
    """
    given = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    if not given and "X-Amz-Signature=" not in target:
        raise Refusal("MISSING_AUTHENTICATION_TOKEN", MISSING)
    scope = re.search(r"Credential=([^/,&]+)(?:/|%2F)\d*(?:/|%2F)([^/,&%]*)(?:/|%2F)([^/,&%]*)", given or target)
    if scope and scope[2] != region:
        raise Refusal("INVALID_SIGNATURE", "Credential should be scoped to a valid region.")
    if scope and scope[3] != SERVICE:
        raise Refusal("INVALID_SIGNATURE", f"Credential should be scoped to correct service: '{SERVICE}'.")
    said = await judge(
        {
            "method": http_method,
            "target": target,
            "headers": list(headers.items()),
            "body": base64.b64encode(body).decode(),
            "source_ip": source_ip,
            "arn": arn,
        }
    )
    if "code" in said:
        raise Refusal(KINDS.get(said["code"], "INVALID_SIGNATURE"), said["message"])
    return dict(said)
