"""Whether a token is good, and who it speaks for."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import jwt

# Asymmetric only: a symmetric algorithm would let anyone sign with the issuer's public key.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY = 30
"""Seconds by which clocks may differ."""
GROUP = re.compile("[!-~]{1,128}")


class InvalidTokenError(Exception):
    """The token lets nobody in. Says nothing of why to the caller."""


def bearer(header: str) -> str:
    """The token in an Authorization header. Raises `InvalidTokenError` if it bears none."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError("The header bears no token.")
    return token.strip()


def key_id(token: str) -> str:
    """The id of the key that the token says it is signed with. Raises `InvalidTokenError` if it says none."""
    try:
        found = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError as error:
        raise InvalidTokenError(str(error)) from error
    if not isinstance(found, str):
        raise InvalidTokenError("The token names no key.")
    return found


def claims(token: str, key: jwt.PyJWK, *, issuer: str, audience: str) -> dict[str, Any]:
    """What the token says, once its signature, issuer, audience and times are right. Raises `InvalidTokenError`."""
    try:
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.InvalidTokenError as error:
        raise InvalidTokenError(str(error)) from error
    return found


def tenant(found: dict[str, Any], claim: str) -> str:
    """The tenant that the claim names, as SQS takes it for a group; anything else by its digest.

    Raises `InvalidTokenError` if the token lacks the claim.
    """
    name = found.get(claim)
    if not isinstance(name, str) or not name:
        raise InvalidTokenError(f"The token lacks the claim {claim}.")
    return name if GROUP.fullmatch(name) else sha256(name.encode()).hexdigest()


def permission(method: str, principal: str, of_tenant: str) -> dict[str, Any]:
    """What API Gateway may let the caller do: every route of the stage that `method`, an ARN, belongs to.

    API Gateway keeps the answer for all routes, so it must not name one.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
    """
    stage = "/".join(method.split("/")[:2])
    return {
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{stage}/*"}],
        },
        "context": {"tenant": of_tenant},
    }
