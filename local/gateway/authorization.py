"""Who may call a method: IAM, a Lambda authorizer of the TOKEN kind, or an API key.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-to-api.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.gateway.errors import Refusal

Invoke = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Invokes the Lambda function of that name; raises `FunctionError` with what it raised."""
Identify = Callable[[], Awaitable[dict[str, str]]]
"""Who signed the request; raises `Refusal` where IAM lets them not."""


class FunctionError(Exception):
    """A Lambda function raised; the message is its error's."""


@dataclass(frozen=True, kw_only=True)
class TokenAuthorizer:
    """A Lambda function that turns a bearer token into a policy."""

    function: str
    header: str
    pattern: str
    seconds: int
    """How long a token's policy is kept, for every method."""


@dataclass
class Doors:
    """Decides about callers, and remembers the policies of tokens. `keys` are API keys with their ids."""

    authorizers: Mapping[str, TokenAuthorizer]
    keys: Mapping[str, str]
    _policies: dict[str, tuple[float, Mapping[str, Any]]] = field(default_factory=dict)

    async def admit(
        self,
        method: Mapping[str, Any],
        arn: str,
        headers: Mapping[str, str],
        context: dict[str, Any],
        invoke: Invoke,
        identify: Identify,
    ) -> None:
        """Let the caller in and say in `context` who it is, or raise `Refusal`. Header names are in lower case."""
        match method.get("AuthorizationType", "NONE"):
            case "AWS_IAM":
                context["identity"] |= await identify()
            case "CUSTOM":
                authorizer = self.authorizers[method["AuthorizerId"]]
                policy = await self._policy(authorizer, arn, headers.get(authorizer.header, ""), invoke)
                if not _allows(policy.get("policyDocument", {}), arn):
                    raise Refusal("ACCESS_DENIED", "User is not authorized to access this resource")
                context["authorizer"] = {"principalId": policy["principalId"], **policy.get("context", {})}
        if method.get("ApiKeyRequired"):
            key = headers.get("x-api-key", "")
            if key not in self.keys:
                raise Refusal("INVALID_API_KEY", "Forbidden")
            context["identity"] |= {"apiKey": key, "apiKeyId": self.keys[key]}

    async def _policy(self, authorizer: TokenAuthorizer, arn: str, token: str, invoke: Invoke) -> Mapping[str, Any]:
        if not token or not re.fullmatch(authorizer.pattern, token):
            raise Refusal("UNAUTHORIZED", "Unauthorized")
        until, known = self._policies.get(token, (0.0, {}))
        if time.monotonic() < until:
            return known
        try:
            policy = await invoke(authorizer.function, {"type": "TOKEN", "methodArn": arn, "authorizationToken": token})
        except FunctionError as error:
            if str(error) == "Unauthorized":
                raise Refusal("UNAUTHORIZED", "Unauthorized") from None
            raise Refusal("AUTHORIZER_FAILURE", "Internal server error") from None
        self._policies[token] = (time.monotonic() + authorizer.seconds, policy)
        return policy


def _allows(document: Mapping[str, Any], arn: str) -> bool:
    effects = {
        statement["Effect"]
        for statement in document.get("Statement", [])
        for resource in _listed(statement["Resource"])
        for action in _listed(statement["Action"])
        if _matches(action, "execute-api:Invoke") and _matches(resource, arn)
    }
    return effects == {"Allow"}


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _matches(pattern: str, text: str) -> bool:
    wild = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wild, text, re.IGNORECASE if pattern.startswith("execute-api:") else 0) is not None
