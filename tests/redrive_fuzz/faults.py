"""What goes wrong on the way to SQS and back: which fault at the n-th call of an action, by a seed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

from tests.redrive_fuzz.wire import Answer

THROTTLES = (
    *((400, name) for name in ("RequestThrottled", "ThrottlingException", "Throttling", "SlowDown", "KmsThrottled")),
    *((400, name) for name in ("RequestLimitExceeded", "TooManyRequestsException", "ThrottledException")),
    (400, "KMS.ThrottlingException"),
    (429, "TooManyRequests"),
    (503, "ServiceUnavailable"),
)
"""How AWS says that it is too fast.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html"""
FAULTS = ("closed", "lost", "cut", "torn", "500", "503", "throttle", "slow", "partial")
LATE = 12.0
"""Most seconds that an answer is late."""


@dataclass(frozen=True)
class Faults:
    """How likely each fault is for a call, at which call credentials have expired, and at which the process dies."""

    seed: int
    likely: dict[str, float] = field(default_factory=dict)
    expired_at: int | None = None
    """The number of the call, of whatever action, that is refused as one whose token ran out."""
    kill: tuple[str, int, bool] | None = None
    """Action, its number, and whether it reaches SQS before the process dies."""
    slowest: float = 0.5

    @property
    def any(self) -> bool:
        return bool(self.likely) or self.expired_at is not None or self.kill is not None

    def of(self, action: str, number: int) -> tuple[str, random.Random]:
        """The fault of that call, empty for none, and the dice for its details."""
        dice = random.Random(f"{self.seed} {action} {number}")
        throw = dice.random()
        for name, likelihood in self.likely.items():
            if throw < likelihood:
                return name, dice
            throw -= likelihood
        return "", dice


def refusal(kind: str, dice: random.Random) -> Answer:
    """The answer of a service that refuses a call."""
    if kind == "throttle":
        status, code = dice.choice(THROTTLES)
        return _json(status, code, "Rate exceeded")
    if kind == "expired":
        return _json(403, "ExpiredToken", "The security token included in the request is expired")
    status = int(kind)
    if dice.random() < 0.5:
        return Answer(status, {"content-type": "text/html"}, b"<html><body>Service Unavailable</body></html>")
    return _json(status, "InternalFailure" if status == 500 else "ServiceUnavailable", None)


def _json(status: int, code: str, message: str | None) -> Answer:
    told = {"__type": f"com.amazonaws.sqs#{code}", "message": message}
    return Answer(status, {"content-type": "application/x-amz-json-1.0"}, json.dumps(told).encode())


def failed_entry(id_: str, dice: random.Random) -> dict[str, object]:
    """What a batch says of an entry that the service failed on."""
    code, sender = dice.choice(
        (
            ("InternalError", False),
            ("ServiceUnavailable", False),
            ("ThrottlingException", True),
            ("InternalFailure", False),
        )
    )
    return {"Id": id_, "Code": code, "SenderFault": sender, "Message": "try again"}
