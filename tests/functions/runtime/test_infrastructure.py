"""What counts as a failure of infrastructure, and what does not."""

from __future__ import annotations

import pytest
from botocore import exceptions
from botocore.parsers import ResponseParserError

from functions.runtime.errors import OutOfTime, Reject, Retry, Unavailable
from functions.runtime.infrastructure import is_away, is_throttle
from tests.functions.fakes import refusal

URL = "https://dynamodb.example"
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html and the services' own lists of errors
THROTTLES = (
    *("BandwidthLimitExceeded", "LimitExceededException", "PriorRequestNotComplete", "RequestLimitExceeded"),
    *("ProvisionedThroughputExceededException", "SlowDown", "TooManyRequestsException"),
    *("TransactionInProgressException", "ThrottlingException", "Throttling", "RequestThrottled", "ThrottledException"),
)
OTHERS = (
    *("AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidSignatureException"),
    *("MissingAuthenticationTokenException", "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException"),
    *("AccountSuspendedException", "SendingPausedException"),
)
AWAY: list[BaseException] = [
    Unavailable("the CRM says 503"),
    refusal("ThrottlingException"),
    refusal("RequestThrottled"),
    refusal("KMSThrottlingException"),
    refusal("ProvisionedThroughputExceededException"),
    refusal("TooManyRequestsException", status=429),
    refusal("SomethingNew", status=429),
    refusal("InternalServerError", status=500),
    refusal("ServiceUnavailable", status=503),
    refusal("ExpiredTokenException"),
    refusal("UnrecognizedClientException"),
    refusal("RequestExpired", status=403),
    refusal("SendingPausedException"),
    exceptions.EndpointConnectionError(endpoint_url=URL),
    exceptions.ConnectTimeoutError(endpoint_url=URL),
    exceptions.ReadTimeoutError(endpoint_url=URL),
    exceptions.ConnectionClosedError(endpoint_url=URL),
    exceptions.SSLError(endpoint_url=URL, error="handshake"),
    exceptions.HTTPClientError(error=ValueError()),
    exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    exceptions.NoCredentialsError(),
    exceptions.CredentialRetrievalError(provider="container-role", error_msg="no"),
    ResponseParserError("half an answer"),
    ConnectionResetError(),
    TimeoutError(),
]
NOT_AWAY: list[BaseException] = [
    Reject("no"),
    Retry("later"),
    RuntimeError("boom"),
    KeyError("x"),
    OutOfTime("slow"),
    refusal("ConditionalCheckFailedException"),
    refusal("ValidationException"),
    refusal("ResourceNotFoundException"),
    # A permission that is missing is a mistake of ours, which waiting does not cure.
    refusal("AccessDeniedException"),
    refusal("SomethingNew", status=499),
    # An answer that says nothing but no.
    exceptions.ClientError({}, "PutItem"),
    exceptions.ParamValidationError(report="no"),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_a_service_is_away(error: BaseException) -> None:
    assert is_away(error)


@pytest.mark.parametrize("error", NOT_AWAY, ids=repr)
def test_a_service_is_not_away(error: BaseException) -> None:
    assert not is_away(error)


def test_a_throttle_says_that_nothing_was_done() -> None:
    assert is_throttle(refusal("SomethingNew", status=429))
    assert not is_throttle(refusal("InternalServerError", status=500))
    assert not is_throttle(exceptions.ClientError({}, "PutItem"))
    for code in THROTTLES:
        assert is_throttle(refusal(code)), code
        assert is_away(refusal(code)), code
    for code in OTHERS:
        assert not is_throttle(refusal(code)), code
        assert is_away(refusal(code)), code
    assert not is_throttle(exceptions.ReadTimeoutError(endpoint_url=URL))
