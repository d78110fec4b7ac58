"""What limits a place of the flow, how much of it a load takes, and which limit is met first."""

from __future__ import annotations

import math

from msgspec import Struct


class Limit(Struct, frozen=True, kw_only=True):
    """There is `most` of a `unit`, and the load takes `need` of it."""

    unit: str
    most: float
    need: float
    then: str
    """What happens to what is beyond it."""
    setting: str
    """What to change: a field of the map, a setting of the stage, or a quota."""
    source: str
    """Where the figure is from: an address, or the file of the project that says it."""
    quota: str | None = None
    """The name of the quota, where it is one of AWS's."""
    burst: float | None = None
    """Requests that are taken at once, whatever the rate."""
    stops: bool = True
    """Whether messages are held up or refused beyond it; else only what is told of them."""

    @property
    def share(self) -> float:
        """How much of it is used, 1 being all."""
        return self.need / self.most


class Hop(Struct, frozen=True, kw_only=True):
    """A place through which `rate` messages a second go, and what limits it."""

    name: str
    rate: float
    limits: tuple[Limit, ...]
    ramp: float = 0
    """Seconds that it needs from idle until it keeps up."""

    @property
    def tightest(self) -> Limit:
        """The limit that is met first, of those that hold up messages if there are any."""
        return max(self.limits, key=lambda limit: (limit.stops, limit.share))

    @property
    def takes(self) -> float:
        """Messages a second that it can take; infinite where nothing is needed."""
        share = self.tightest.share
        return self.rate / share if share else math.inf


class Path(Struct, frozen=True, kw_only=True):
    """Every hop that follows from `rate` requests, or events, a second at its start, in the order of the flow."""

    name: str
    rate: float
    hops: tuple[Hop, ...]

    def full_at(self, limit: Limit) -> float:
        """The rate at the path's start at which the limit is met."""
        return self.rate / limit.share if limit.share else math.inf

    def binding(self) -> list[tuple[Hop, Limit]]:
        """What holds messages up, in the order in which it is met as the rate grows."""
        found = [(hop, limit) for hop in self.hops for limit in hop.limits if limit.stops and limit.share > 0]
        return sorted(found, key=lambda each: each[1].share, reverse=True)
