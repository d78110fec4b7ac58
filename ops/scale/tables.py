"""Tables: what is written and read a second of all, of one that was never busier, and of the busiest item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from functions.contracts.limit import TABLE
from functions.contracts.plan import PLANNED
from ops.cost.work import read
from ops.scale.basis import Basis
from ops.scale.limit import Hop, Limit
from ops.scale.load import Load
from stacks import names

THEN = "DynamoDB throttles, and the messages come again later"
ITEM = "DynamoDB throttles that item, and its messages come again later"


@dataclass
class Use:
    """Units a second of one table, by what is done with it, and the messages that come with them."""

    messages: float = 0
    units: dict[str, float] = field(default_factory=dict)


def hops(basis: Basis, load: Load) -> Iterator[tuple[str, Hop]]:
    """Every table that a consumer of the load writes or reads, with the first consumer that does.

    The table of causes is not among them: what fails is not of the flow.
    """
    uses: dict[str, Use] = {}
    first: dict[str, str] = {}
    for name, rate in load.planned.items():
        # As a planned message arrives, one write says that it runs.
        first.setdefault(PLANNED, name)
        use = uses.setdefault(PLANNED, Use())
        use.units["writes"] = use.units.get("writes", 0) + rate
    for name, rate in load.consumers.items():
        for table, writes, reads in _each(basis, name):
            use = uses.setdefault(table, Use())
            first.setdefault(table, name)
            use.messages += rate
            for word, units in (("writes", writes), ("reads", reads)):
                if units:
                    use.units[word] = use.units.get(word, 0) + rate * units
    for table, use in uses.items():
        yield first[table], _hop(basis, table, use)


def _each(basis: Basis, name: str) -> Iterator[tuple[str, float, float]]:
    """The tables of a consumer, each with the write and read units of a message."""
    consumer = basis.topology.consumer(name)
    for access in consumer.access:
        writes, reads = basis.work.table_units(consumer, access), len(read(access.actions))
        if writes or reads:
            yield access.table, writes, reads
    if consumer.sends_email:
        yield names.ONCE, 2, 0
    if consumer.limits:
        # Each key is an item of its own, of which the map allows no more slots than an item takes writes.
        yield TABLE, basis.work.limits(consumer), 0
    if basis.work.parks(consumer):
        # While nothing is dead, what is parked is only read: a unit a group of the batch, of a message at the most.
        yield names.PARKED, 0, 1


def _hop(basis: Basis, table: str, use: Use) -> Hop:
    limits: list[Limit] = []
    hot = basis.traffic.hot
    for word, units in use.units.items():
        limits += [
            basis.quota(f"table_{word}", f"{word}/s", units, THEN),
            basis.quota(f"new_table_{word}", f"{word}/s at first", units, THEN, setting="warm throughput"),
            basis.quota(f"item_{word}", f"{word}/s an item", units * hot, ITEM, setting="Table.key"),
        ]
    return Hop(name=f"table {table}", rate=use.messages, limits=tuple(limits))
