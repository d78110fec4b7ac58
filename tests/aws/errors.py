"""What a service answers instead of a result."""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """`code` is the error as the service's JSON protocol names it, `fields` are further ones of its body.

    https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html#operation-error-serialization
    """

    def __init__(self, status: int, code: str, message: str = "", **fields: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    @property
    def body(self) -> dict[str, Any]:
        """The answer."""
        return {"__type": self.code, "message": self.message} | self.fields
