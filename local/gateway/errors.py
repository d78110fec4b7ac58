"""What ends an exchange early, and what this gateway does not understand."""

from __future__ import annotations


class Refusal(Exception):
    """API Gateway answers by itself, with the gateway response of this kind.

    `detail` is what it knows about a body that does not fit its model.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    """

    def __init__(self, kind: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail


class UnsupportedError(ValueError):
    """The template uses something of API Gateway that this gateway does not do; the message names it."""
