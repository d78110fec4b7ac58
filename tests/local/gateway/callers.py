"""Callers of each kind of authorization, the stages that ask for them, and routes that trust some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stacks import names
from stacks.entry import Route
from tests.local.gateway.assemblies import unlimited

AUTHORIZER = names.resource(names.LOCAL, "authorize_caller")
ARN = "arn:aws:execute-api:us-east-1:000000000000:local/local"
TOKEN = "Bearer aaa.bbb.ccc"
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/execute-api/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
CLIENTS = {"clients": ["erp", "web", "web.2"]}
KINDS: dict[str, dict[str, Any]] = {
    "jwt": {"authorization": "jwt", "jwt": {"issuer": "https://issuer.example", "audience": "callers"}},
    "api_key": {"authorization": "api_key", "api_keys": {**CLIENTS, "rate": 10_000, "burst": 5_000}},
    "iam": {"authorization": "iam"},
}
CREDENTIALS = {
    "jwt": {"Authorization": TOKEN},
    "api_key": {"x-api-key": names.resource(names.LOCAL, "web")},
    "iam": {"Authorization": SIGNED},
}
SESSION = "AROAEXAMPLEEXAMPLEID:worker-1"
SIGNER = {"caller": SESSION, "user": SESSION, "accessKey": "AKIDEXAMPLE"}
"""What IAM says of who signed."""


def trusting(*kinds: str) -> Callable[[Route], Route]:
    """Routes whose tenant is named in a header by callers of these kinds; the rest without limits."""

    def change(route: Route) -> Route:
        return unlimited(route if route.senders else replace(route, tenant="X-Tenant-Id", trusts=kinds))

    return change


def policy(tenant: str = "acme") -> dict[str, Any]:
    """What the authorizer says of ada."""
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{ARN}/*"}
    return {"principalId": "ada", "policyDocument": {"Statement": [statement]}, "context": {"tenant": tenant}}
