"""How much memory a consumer is given, what that makes of its CPU, and with how much its time costs least."""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from ops.cost.work import Assumptions, Work, core
from stacks.entry import Consumer, Topology

SIZES = range(128, 1793, 64)
"""MB that are compared, from Lambda's least to a whole core: with more, a handler is no faster.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
SLACK = 1.02
"""How much more than the least a size may cost that is faster."""


class Memory(Struct, frozen=True, kw_only=True):
    """A consumer's MB and its time, in milliseconds a batch; `core` is the part of one that it has.

    `cpu` is what its work takes with that part. The `best` MB are the most of those with which its time costs least, so
    the fastest of the cheapest; they save the share `saves` of what the time costs now.
    """

    consumer: str
    memory: int
    core: float
    waits: float
    cpu: float
    milliseconds: float
    best: int
    saves: float


def memory(topology: Topology, assume: Assumptions) -> list[Memory]:
    """Every consumer's, in the map's order.

    How long a message takes where somebody knows it says nothing of another memory, so it does not count here.
    """
    work = Work(topology, replace(assume, seconds={}))
    return [_of(work, consumer) for consumer in topology.consumers]


def _of(work: Work, consumer: Consumer) -> Memory:
    fill, waits = work.fill(consumer), work.waits(consumer)

    def price(size: int) -> float:
        # Lambda rounds an invocation up to a millisecond: https://aws.amazon.com/lambda/pricing/
        return size * math.ceil(work.takes(waits, fill, size))

    least = min(map(price, SIZES))
    best = max(size for size in SIZES if price(size) <= SLACK * least)
    return Memory(
        consumer=consumer.function,
        memory=consumer.memory,
        core=core(consumer.memory),
        waits=waits,
        cpu=fill * work.assume.cpu / core(consumer.memory),
        milliseconds=work.milliseconds(consumer),
        best=best,
        saves=1 - price(best) / price(consumer.memory),
    )
