"""What a stage takes, hop by hop, of a rate at its edge; and what a month of that rate costs.

Pure: a map, settings, quotas and assumptions go in, paths come out. Everything that is needed is in proportion to the
rate, but for what is said of backlogs and of the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from ops.cost.costing import Costing
from ops.cost.prices import Prices
from ops.errors import UsageError
from ops.scale import consumer, edge, shared, tables
from ops.scale.basis import Basis
from ops.scale.limit import Hop, Path
from ops.scale.load import Load, Start, starts

MONTH = 30 * 86_400
"""Seconds of a month."""
RATES = (10, 100, 1_000, 10_000)
"""A second, for which a month's cost is said."""
MILLION = 1_000_000
TOGETHER = "everything together"


class Month(Struct, frozen=True, kw_only=True):
    """US dollars that a month of one path costs, by requests or events a second at its start."""

    name: str
    dollars: dict[int, float]


@dataclass(frozen=True)
class Scaling:
    """Computes for one stage: each of the `only` starts, or of all, alone at `rate` a second, or all `together`."""

    basis: Basis
    rate: float
    shares: Mapping[str, float] = field(default_factory=dict)
    only: Sequence[str] = ()
    together: bool = False

    def __post_init__(self) -> None:
        topology = self.basis.topology
        known = {event.__name__ for event in topology.events} | {each.name for each in topology.subscriptions}
        known |= {plan.command.__name__ for plan in topology.plans}
        _known("event, subscription or planned command", self.shares, known)
        _known("route", self.only, {start.name for start in starts(topology)})
        _known("consumer", self.basis.assume.seconds, {each.function for each in topology.consumers})

    def loads(self, rate: float) -> dict[str, Load]:
        """What goes where, by the path's name."""
        topology = self.basis.topology
        chosen = [start for start in starts(topology) if not self.only or start.name in self.only]
        paths: dict[str, list[Start]] = {start.name: [start] for start in chosen}
        if self.together and len(chosen) > 1:
            paths = {TOGETHER: chosen}
        return {name: Load(topology, each, rate, self.shares) for name, each in paths.items()}

    def paths(self) -> list[Path]:
        """Every path with its hops, in the order of the flow."""
        return [
            Path(name=name, rate=self.rate, hops=tuple(hops(self.basis, load)))
            for name, load in self.loads(self.rate).items()
        ]

    def months(self, prices: Prices) -> list[Month]:
        """What each path costs a month at each of `RATES`, by what `ops cost` says of a million messages."""
        rows = Costing(self.basis.topology, self.basis.settings, prices, MILLION, self.basis.assume).rows()
        millions = {row.name: row.cost.total for row in rows}
        return [
            Month(name=name, dollars={rate: rate * MONTH / MILLION * _dollars(load, millions) for rate in RATES})
            for name, load in self.loads(1).items()
        ]


def hops(basis: Basis, load: Load) -> Iterator[Hop]:
    """The hops of a load: the edge, then each queue with what brings to it and what it uses, then what all share."""
    yield from edge.hops(basis, load)
    used = list(tables.hops(basis, load))
    queues = {each.name: each.queue for each in basis.topology.subscriptions}
    for name in load.consumers:
        for subscription in load.subscriptions:
            if queues[subscription] == name:
                yield shared.delivery(basis, load, subscription)
        yield from consumer.hops(basis, load, name)
        yield from (hop for first, hop in used if first == name)
    yield from shared.hops(basis, load)


def _dollars(load: Load, millions: Mapping[str, float]) -> float:
    """US dollars of a million at each start, with everything that follows."""
    names = (*load.routes.items(), *load.subscriptions.items(), *load.plans.items())
    return sum(millions[name] * rate for name, rate in names)


def _known(kind: str, names: Sequence[str] | Mapping[str, float], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"There is no {kind} {name!r}; choose of {', '.join(sorted(known)) or 'none'}.")
