"""Throttling by token buckets: a rate in the long run, and a burst at once.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

from local.gateway.errors import Refusal


@dataclass(frozen=True)
class Limit:
    """Requests a second, and at once."""

    rate: float
    burst: int


@dataclass
class _Bucket:
    tokens: float
    filled: float


@dataclass
class Throttle:
    """The buckets of everything that has a limit. `clock` says the seconds since some time."""

    clock: Callable[[], float] = time.monotonic
    _buckets: dict[Hashable, _Bucket] = field(default_factory=dict)

    def take(self, limits: Mapping[Hashable, Limit]) -> None:
        """Count a request against each limit, or raise `Refusal` if one is used up and count it against none."""
        now = self.clock()
        buckets = []
        for key, limit in limits.items():
            bucket = self._buckets.setdefault(key, _Bucket(limit.burst, now))
            bucket.tokens = min(limit.burst, bucket.tokens + (now - bucket.filled) * limit.rate)
            bucket.filled = now
            buckets.append(bucket)
        if any(bucket.tokens < 1 for bucket in buckets):
            raise Refusal("THROTTLED", "Too Many Requests")
        for bucket in buckets:
            bucket.tokens -= 1
