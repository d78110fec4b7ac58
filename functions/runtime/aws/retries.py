"""When a call is made again, as the SDKs' standard mode has it, with botocore's figures.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

import random

from botocore.exceptions import ClientError

ATTEMPTS = 3
TOKENS = 500
"""What repetitions may cost together before none is made; what goes well gives back."""
COST, COST_OF_THROTTLE, GAIN = 14, 5, 1
FIRST, FIRST_OF_DYNAMODB, FIRST_OF_THROTTLE = 0.05, 0.025, 1.0
"""Seconds of the first pause, at the most; each further one may be twice as long."""
LONGEST = 20.0
LATER = 5.0
"""Seconds that a service may ask for beyond that."""
STATUSES = {500, 502, 503, 504}
TRANSIENT = {"RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"}
DESCRIBED = {"ReplicatedWriteConflictException"}
"""Codes that the services' own descriptions say to repeat."""
THROTTLES = {
    *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled"),
    *("TooManyRequestsException", "ProvisionedThroughputExceededException", "TransactionInProgressException"),
    *("RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "SlowDown", "EC2ThrottledException"),
    "PriorRequestNotComplete",
}


class Retries:
    """What the repeated calls of a client may cost together. `first` is the longest first pause, in seconds."""

    def __init__(self, first: float) -> None:
        self._first = first
        self._tokens = TOKENS

    def pause(self, attempt: int, error: Exception) -> float | None:
        """Seconds before the call is made again after that attempt (1 is the first); None if it is not.

        Its price is paid by that. What is no answer of the service may always be made again.
        """
        code, later = "", ""
        if isinstance(error, ClientError):
            told, code = error.response["ResponseMetadata"], error.response["Error"]["Code"]
            later = str(told["HTTPHeaders"].get("x-amz-retry-after", ""))
            if told["HTTPStatusCode"] not in STATUSES and code not in TRANSIENT | DESCRIBED | THROTTLES:
                return None
        price = COST_OF_THROTTLE if code in THROTTLES else COST
        if price > self._tokens:
            return None
        self._tokens -= price
        first = FIRST_OF_THROTTLE if code in THROTTLES else self._first
        pause = random.random() * min(first * 2.0 ** (attempt - 1), LONGEST)
        return max(pause, min(int(later) / 1000, pause + LATER)) if later.isdecimal() else pause

    def went_well(self, after: Exception | None) -> None:
        """A call was answered as it should be; the attempt before it had ended in that error."""
        throttled = isinstance(after, ClientError) and after.response["Error"]["Code"] in THROTTLES
        gain = GAIN if after is None else COST_OF_THROTTLE if throttled else COST
        self._tokens = min(self._tokens + gain, TOKENS)
