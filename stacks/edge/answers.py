"""What API Gateway answers by itself, when a request does not reach SQS: one JSON shape for all of it.

Its templates are no Velocity: they only put `$context` variables in, and nothing can be escaped. So they show none that
may hold a caller's words. What the validator of bodies says is among those: it quotes values and patterns, its quotes
come escaped, but nobody has seen what becomes of a backslash.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

from dataclasses import dataclass

from stacks.edge import content_type

RETRY_AFTER = 2
"""Seconds that a caller is asked to wait when there are too many requests or SQS is busy."""

SAFE = ("requestId", "httpMethod", "resourcePath", "error.responseType")
"""The variables of `$context` that an answer may show: what the API itself says, or a word of a short list."""

_AGAIN = "Send it again with the same Idempotency-Key."
_OURS = "because of a fault on our side."
NO_ROUTE = "There is no such route."
NOT_SIGNED = "There is no such route, or the request is not signed by an AWS identity."


@dataclass(frozen=True)
class Answer:
    """One kind of gateway response: its status, and what the caller reads.

    API Gateway replaces `$context` variables in it.
    """

    kind: str
    status: int
    message: str

    @property
    def default(self) -> bool:
        """Whether it stands for every kind of its class that has no answer of its own, and keeps their status."""
        return self.kind.startswith("DEFAULT_")


ANSWERS = (
    Answer(
        "BAD_REQUEST_BODY",
        400,
        "The body is no JSON that fits the contract of $context.httpMethod $context.resourcePath; check it against the "
        "schema in docs/openapi.json. Nothing was queued.",
    ),
    Answer("BAD_REQUEST_PARAMETERS", 400, "A parameter of the request is missing. Nothing was queued."),
    Answer("UNSUPPORTED_MEDIA_TYPE", 415, f"{content_type.REFUSED} Nothing was queued."),
    Answer("REQUEST_TOO_LARGE", 413, "The request is larger than API Gateway takes; send less, or a reference to it."),
    Answer("RESOURCE_NOT_FOUND", 404, NO_ROUTE),
    Answer("MISSING_AUTHENTICATION_TOKEN", 404, NO_ROUTE),
    Answer("UNAUTHORIZED", 401, "The request carries no token, or not a valid one."),
    Answer("EXPIRED_TOKEN", 403, "The token or signature has expired; get a new one."),
    Answer("INVALID_SIGNATURE", 403, "The signature does not match the request."),
    Answer("INVALID_API_KEY", 403, "The x-api-key header carries no valid key for this route."),
    Answer("ACCESS_DENIED", 403, "The caller may not use this route."),
    Answer("WAF_FILTERED", 403, "The request was refused by a firewall rule."),
    Answer("THROTTLED", 429, "Too many requests; send it again later."),
    Answer("QUOTA_EXCEEDED", 429, "The quota of this API key is used up."),
    Answer("AUTHORIZER_FAILURE", 500, f"The caller could not be checked {_OURS}"),
    Answer("AUTHORIZER_CONFIGURATION_ERROR", 500, f"The caller could not be checked {_OURS}"),
    Answer("API_CONFIGURATION_ERROR", 500, f"The request could not be handled {_OURS}"),
    Answer("INTEGRATION_FAILURE", 504, f"AWS did not answer; a message may be queued or not. {_AGAIN}"),
    Answer("INTEGRATION_TIMEOUT", 504, f"AWS did not answer in time; a message may be queued or not. {_AGAIN}"),
    Answer("DEFAULT_4XX", 400, "The request was refused: $context.error.responseType."),
    Answer("DEFAULT_5XX", 500, f"The request could not be handled {_OURS}"),
)
