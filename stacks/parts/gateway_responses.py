"""What API Gateway answers by itself, when a request does not reach SQS: one JSON shape for all of it.

API Gateway only substitutes variables in these answers; it does not run them as templates. `$context.error.message`
and its kind come from API Gateway, never from the caller.
https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

from aws_cdk import aws_apigateway as apigateway

from stacks.parts.mapping_template import RETRY_AFTER

_DETAIL = "$context.error.validationErrorString"
_SIGNED = "The request must be signed by an AWS identity that may call this route."

# Type, status, and what the caller reads.
ANSWERS: dict[str, tuple[int, str]] = {
    "BAD_REQUEST_BODY": (400, f"The body does not fit the contract: {_DETAIL}"),
    "BAD_REQUEST_PARAMETERS": (400, "$context.error.message"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "The content type must be application/json."),
    "REQUEST_TOO_LARGE": (413, "The request is larger than API Gateway takes; send less, or a reference to it."),
    "RESOURCE_NOT_FOUND": (404, "There is no such route."),
    "MISSING_AUTHENTICATION_TOKEN": (404, "There is no such route."),
    "UNAUTHORIZED": (401, "The request carries no token, or not a valid one."),
    "EXPIRED_TOKEN": (403, "The token or signature has expired; get a new one."),
    "INVALID_SIGNATURE": (403, "The signature does not match the request."),
    "INVALID_API_KEY": (403, "The x-api-key header carries no valid key for this route."),
    "ACCESS_DENIED": (403, "The caller may not use this route."),
    "WAF_FILTERED": (403, "The request was refused by a firewall rule."),
    "THROTTLED": (429, "Too many requests; send it again later."),
    "QUOTA_EXCEEDED": (429, "The quota of this API key is used up."),
    "AUTHORIZER_FAILURE": (500, "The caller could not be checked because of a fault on our side."),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "The caller could not be checked because of a fault on our side."),
    "API_CONFIGURATION_ERROR": (500, "The request could not be handled because of a fault on our side."),
    "INTEGRATION_FAILURE": (504, "SQS did not answer; the message may be queued or not. {again}"),
    "INTEGRATION_TIMEOUT": (504, "SQS did not answer in time; the message may be queued or not. {again}"),
    "DEFAULT_4XX": (400, "$context.error.message"),
    "DEFAULT_5XX": (500, "The request could not be handled because of a fault on our side."),
}
_AGAIN = "Send it again with the same Idempotency-Key."
_DEFAULTS = ("DEFAULT_4XX", "DEFAULT_5XX")
_WAIT = ("THROTTLED", "QUOTA_EXCEEDED")


def add_gateway_responses(api: apigateway.RestApi, *, signed: bool) -> None:
    """Add every answer. `signed`: some route wants signed requests.

    API Gateway answers a route that does not exist with MISSING_AUTHENTICATION_TOKEN, as it does a request that lacks a
    signature; only without signed routes is it certain to be the former. A default keeps the status of its error.
    """
    for kind, (status, message) in ANSWERS.items():
        if signed and kind == "MISSING_AUTHENTICATION_TOKEN":
            status, message = 403, f"There is no such route, or the request is not signed. {_SIGNED}"
        message = message.replace("{again}", _AGAIN)
        api.add_gateway_response(
            kind,
            type=apigateway.ResponseType.of(kind),
            status_code=None if kind in _DEFAULTS else str(status),
            templates={"application/json": f'{{"message":"{message}","correlation_id":"$context.requestId"}}'},
            response_headers={
                "X-Correlation-Id": "context.requestId",
                **({"Retry-After": f"'{RETRY_AFTER}'"} if kind in _WAIT else {}),
            },
        )
