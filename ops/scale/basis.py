"""What a computation rests on: the map, the stage's settings, the quotas of its region, and what is assumed."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from ops.cost.work import Assumptions, Work
from ops.scale.limit import Limit
from ops.scale.quotas import Quotas, listed
from stacks.entry import Consumer, Topology
from stacks.settings import Settings

MAP = "stacks/topology.py"
STAGES = "cdk.json"


class Traffic(Struct, frozen=True, kw_only=True):
    """How requests are spread, which nobody can read from the stacks."""

    hot: float = 0.01
    """The share of a table's writes, and of a FIFO queue's messages, that the busiest item and group have."""
    failing: float = 0.01
    """The share of messages of which an attempt fails."""
    uncached: float = 0.1
    """The share of requests with a token whose answer API Gateway does not have any more."""
    check: float = 0.02
    """Seconds that a token is checked for."""
    fresh: float = 300
    """Seconds for which a worker keeps a secret that it read."""
    silence: float = 30
    """Seconds between two reports of a worker that a service is away."""


@dataclass(frozen=True)
class Basis:
    """One stage in one region."""

    topology: Topology
    settings: Settings
    quotas: Quotas
    assume: Assumptions = field(default_factory=Assumptions)
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def work(self) -> Work:
        """What consumers do with a batch."""
        return Work(self.topology, self.assume)

    def seconds(self, consumer: Consumer) -> float:
        """How long a batch takes."""
        return self.work.milliseconds(consumer) / 1000

    def batches(self, consumer: Consumer, rate: float) -> float:
        """Batches a second of `rate` messages a second."""
        return rate / self.work.fill(consumer)

    def at_once(self, consumer: Consumer, rate: float) -> float:
        """Batches that run at once, of `rate` messages a second."""
        return self.batches(consumer, rate) * self.seconds(consumer)

    def quota(
        self,
        name: str,
        unit: str,
        need: float,
        then: str,
        *,
        setting: str | None = None,
        burst: str | None = None,
        times: float = 1,
        stops: bool = True,
    ) -> Limit:
        """The limit that so many times a quota is; `setting` is what else than the quota one would change."""
        quota = listed()[name]
        return Limit(
            unit=unit,
            most=self.quotas.most(name) * times,
            need=need,
            then=then,
            setting=setting or quota.asked_by,
            source=quota.source,
            quota=name,
            burst=self.quotas.most(burst) if burst else None,
            stops=stops,
        )
