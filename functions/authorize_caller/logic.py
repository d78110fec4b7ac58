"""Whether a token is good, and who it speaks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import jwt

from functions.authorize_caller.key_set import Key
from functions.authorize_caller.refusal import InvalidTokenError

LEEWAY = 30
"""Seconds by which clocks may differ."""
LONGEST = 255
"""Characters that a subject or a tenant may have. https://openid.net/specs/openid-connect-core-1_0.html#IDToken"""
# What SQS takes for a group, without what could end a text in the access log: nobody has seen API Gateway escape it.
PLAIN = re.compile(r"[!#-\[\]-~]{1,128}")
DIGEST = re.compile("[0-9a-f]{64}")
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters, which no UTF-8 can hold."""
# What a token that says who calls may call itself, if it does; an issuer signs others with the same keys.
# https://www.rfc-editor.org/rfc/rfc8725#section-3.11 https://www.rfc-editor.org/rfc/rfc9068#section-2.1
TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")


def bearer(header: str) -> str:
    """The token in an Authorization header. Raises `InvalidTokenError` if it bears none."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError("The header bears no token.")
    return token.strip()


def signed_by(token: str) -> tuple[str, str]:
    """The id of the key, and the algorithm, that the token says it is signed with.

    Raises `InvalidTokenError` if it does not say both, or says that it is a token of another kind. A key that is not
    named is not guessed, not even the only one: there are two while the issuer replaces it.
    """
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidTokenError(str(error)) from error
    kind = header.get("typ", TYPES[0])
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise InvalidTokenError(f"A token of type {kind} lets nobody in.")
    key_id, algorithm = header.get("kid"), header.get("alg")
    if not isinstance(key_id, str) or not isinstance(algorithm, str):
        raise InvalidTokenError("The token names no key or no algorithm.")
    return key_id, algorithm


def claims(token: str, algorithm: str, keys: Iterable[Key], *, issuer: str, audience: str) -> dict[str, Any]:
    """What the token says, once one of the keys has signed it, by an algorithm that is the key's, and its issuer,
    audience and times are right. Raises `InvalidTokenError`."""
    wrong: Exception = InvalidTokenError(f"The key does not sign by {algorithm}.")
    for key in (each for each in keys if algorithm in each.algorithms):
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[algorithm],
                issuer=issuer,
                audience=audience,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.InvalidSignatureError as error:
            wrong = error  # two keys may have one id
        except jwt.PyJWTError as error:
            wrong = error
            break
        else:
            if "events" in found:  # it tells of a logout or another event, whatever its type
                raise InvalidTokenError("A token that tells of events lets nobody in.")
            return found
    raise InvalidTokenError(str(wrong)) from wrong


def name(found: dict[str, Any], claim: str) -> str:
    """Whom the claim names, in characters that SQS takes for a group and a log for a text; any other by its digest.

    No two names make the same: what looks like a digest is not taken as it is either. Raises `InvalidTokenError` if the
    token lacks the claim, or if it is no text of 1 to 255 characters without control characters.
    """
    said = found.get(claim)
    if not isinstance(said, str) or not 0 < len(said) <= LONGEST or UNFIT.search(said):
        raise InvalidTokenError(f"The token lacks the claim {claim}, or it is no name.")
    return said if PLAIN.fullmatch(said) and not DIGEST.fullmatch(said) else sha256(said.encode()).hexdigest()


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
