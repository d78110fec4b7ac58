"""API Gateway's question whether a bearer may call: yes for every route of the stage, or 401."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from functions.authorize_caller.issuer import key_set
from functions.authorize_caller.keys import Keys
from functions.authorize_caller.logic import bearer, claims, name, permission, signed_by
from functions.authorize_caller.refusal import InvalidTokenError
from functions.contracts.environment import TokenVariables
from functions.runtime.log import log
from functions.runtime.settings import read


def handler(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """The policy for the bearer of the event's token.

    Raises an exception that says `Unauthorized`, which API Gateway answers with 401, if the token is not good, and any
    other if the issuer does not say whether it is, which it answers with 500.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
    """
    ours = read(TokenVariables)
    try:
        token = bearer(event["authorizationToken"])
        key_id, algorithm = signed_by(token)
        keys = _keys(ours.jwt_issuer, ours.jwt_jwks_uri).named(key_id)
        found = claims(token, algorithm, keys, issuer=ours.jwt_issuer, audience=ours.jwt_audience)
        return permission(event["methodArn"], name(found, "sub"), name(found, ours.jwt_tenant_claim))
    except InvalidTokenError as error:
        log("WARNING", "refused", reason=str(error))
        raise Exception("Unauthorized") from None


@cache
def _keys(issuer: str, jwks_uri: str | None) -> Keys:
    return Keys(partial(key_set, issuer, jwks_uri))
