"""By which names AWS refuses what comes too fast.

SQS has `RequestThrottled`, and passes on what its key's service said (`KmsThrottled`, `KMS.ThrottlingException`); what
stands before it, as API Gateway or another implementation, has names of its own. So everything is a throttle that
botocore takes for one: `ThrottledRetryableChecker` and `ThrottlingStatusCodeChecker` in botocore/retries/standard.py,
and the statuses 429 and 509 in botocore/data/_retry.json.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

THROTTLES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "RequestThrottled",
        "SlowDown",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
        "KmsThrottled",
    }
)
STATUSES = frozenset({429, 509})
TRANSIENT = frozenset({"RequestTimeout", "RequestTimeoutException"})
"""Faults that trying again cures though their status says that the caller is to blame: botocore's
`TransientRetryableChecker`."""


def is_throttle(fault: str, status: int = 400) -> bool:
    """Whether that answer, or that entry of an answer, says that it came too fast."""
    return status in STATUSES or fault.rpartition(".")[2] in THROTTLES
