"""Telling a failure of infrastructure from a failure of the message: the first says nothing about the message.

Codes are those of the services' API references, and of botocore's own retry rules
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
"""

from __future__ import annotations

from botocore import exceptions
from botocore.exceptions import ClientError

from functions.runtime.errors import Unavailable

THROTTLES = {
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequestsException",
    "TransactionInProgressException",
}
"""Codes of a service that takes no more just now, beside those that say `Throttl…`."""
CREDENTIALS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
"""Codes of credentials that have run out, or of a clock that is wrong. A missing permission is none of them."""
STOPPED = {"AccountSuspendedException", "SendingPausedException"}
"""Codes of a service that AWS or a person has stopped for the account."""

_UNREACHABLE = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    exceptions.IncompleteReadError,
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    # Python's own, of a call to anybody
    ConnectionError,
    TimeoutError,
)
_UNREADABLE = "ResponseParserError"
"""botocore's, by its name: the module that has it costs a cold start."""


def is_throttle(error: BaseException) -> bool:
    """Whether a service says that it takes no more just now, and has done nothing."""
    if not isinstance(error, ClientError):
        return False
    code = error.response.get("Error", {}).get("Code", "")
    return code in THROTTLES or "Throttl" in code or _status(error) == 429


def is_away(error: BaseException) -> bool:
    """Whether a service is away: throttled, unreachable, broken, stopped, or our credentials are."""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        return _status(error) >= 500 or code in CREDENTIALS or code in STOPPED or is_throttle(error)
    return isinstance(error, (Unavailable, *_UNREACHABLE)) or type(error).__name__ == _UNREADABLE


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
