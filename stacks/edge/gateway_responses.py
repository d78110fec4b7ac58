"""Makes API Gateway's own answers part of an API."""

from __future__ import annotations

from aws_cdk import aws_apigateway as apigateway

from stacks.edge.answers import ANSWERS, NOT_SIGNED, RETRY_AFTER
from stacks.edge.content_type import JSON
from stacks.edge.mapping_template import CORRELATION_ID


def add_gateway_responses(api: apigateway.RestApi, *, signed: bool) -> None:
    """Add every answer. `signed`: some route wants signed requests.

    API Gateway answers a route that does not exist with MISSING_AUTHENTICATION_TOKEN, as it does a request that lacks a
    signature; only without signed routes is it certain to be the former.
    """
    for answer in ANSWERS:
        status, message = answer.status, answer.message
        if signed and answer.kind == "MISSING_AUTHENTICATION_TOKEN":
            status, message = 403, NOT_SIGNED
        api.add_gateway_response(
            answer.kind,
            type=apigateway.ResponseType.of(answer.kind),
            status_code=None if answer.default else str(status),
            templates={JSON: f'{{"message":"{message}","correlation_id":"$context.requestId"}}'},
            response_headers={
                CORRELATION_ID: "context.requestId",
                **({"Retry-After": f"'{RETRY_AFTER}'"} if status == 429 else {}),
            },
        )
