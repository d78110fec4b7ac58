"""What SES refuses of SendEmail, but for who may send what to whom.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html and, for the limits,
https://docs.aws.amazon.com/ses/latest/dg/quotas.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.aws.errors import ServiceError

MOST_RECIPIENTS = 50
MOST_BYTES = 40 * 1024 * 1024


def check(operation: str, request: Mapping[str, Any]) -> None:
    """Refuse the call. Raises `ServiceError`."""
    if operation != "SendEmail":
        return
    recipients = [address for each in (request.get("Destination") or {}).values() for address in each]
    if not recipients:
        raise ServiceError(400, "BadRequestException", "There is no recipient")
    if len(recipients) > MOST_RECIPIENTS:
        raise ServiceError(400, "MessageRejected", f"Recipient count exceeds {MOST_RECIPIENTS}")
    # A line break would begin a header of its own.
    if any(not _is_address(address) for address in (*recipients, request.get("FromEmailAddress", ""))):
        raise ServiceError(400, "BadRequestException", "Local address contains control or whitespace")
    content = request["Content"]
    if len(content.keys() & {"Simple", "Raw", "Template"}) != 1:
        raise ServiceError(400, "BadRequestException", "Content is one of Simple, Raw and Template")
    if (simple := content.get("Simple")) is not None:
        if "\n" in simple["Subject"]["Data"] or "\r" in simple["Subject"]["Data"]:
            raise ServiceError(400, "BadRequestException", "Header name or value is not valid")
        if not simple["Body"]:
            raise ServiceError(400, "BadRequestException", "The body is neither Text nor Html")
        if sum(len(each["Data"].encode()) for each in simple["Body"].values()) > MOST_BYTES:
            raise ServiceError(400, "MessageRejected", "Message length is more than 41943040 bytes long")


def _is_address(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return bool(local and domain) and address.isprintable()
