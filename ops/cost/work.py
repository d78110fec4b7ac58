"""What a consumer does with a batch: how full it is, how long it takes, and what it writes.

`ops cost` makes money of it, `ops scale` how many batches run at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import Struct

from functions.contracts.plan import PLAN_COMMAND
from stacks import names
from stacks.entry import Access, Consumer, Topology

KB = 1024
CALL = 10
"""Messages that a receive, a delete or a PutEvents takes at the most."""
ABREAST = 10
"""Messages of a standard queue that a worker handles side by side, at the most."""
CORE = 1769
"""MB with which a function has a whole core. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
WRITES = ("PutItem", "UpdateItem", "DeleteItem")
READS = ("GetItem", "BatchGetItem", "Query", "Scan")


class Assumptions(Struct, frozen=True, kw_only=True):
    """What nobody can read from the stacks. Sizes are bytes, times milliseconds."""

    fill: float = 5
    """Messages in a batch, on average; never more than the consumer's batch."""
    size: int = 1 * KB
    """A message's body."""
    envelope: int = 512
    """What surrounds an event's data."""
    cpu: float = 0.5
    """A whole core's work for a message, as `python -m benchmarks consumer` measured it."""
    write: float = 5
    """A write to DynamoDB, or the read of what is parked."""
    publish: float = 15
    """A PutEvents."""
    send: float = 15
    """A SendMessage, a CreateSchedule, or an e-mail."""
    keyed: float = 1
    """The share of requests with an Idempotency-Key, where one is not required."""
    sampled: float = 0.05
    """The share of requests and of batches that X-Ray records."""
    access_line: int = 540
    handled_line: int = 400
    metrics_line: int = 500
    platform_lines: int = 500
    """Lines of the logs: one a request, one a message, one a batch, and Lambda's own two of a batch."""
    seconds: dict[str, float] = {}
    """Seconds that a message takes of a consumer, by its name, where somebody knows it."""


@dataclass(frozen=True)
class Work:
    """The work of the consumers of one map."""

    topology: Topology
    assume: Assumptions = field(default_factory=Assumptions)

    def fill(self, consumer: Consumer) -> float:
        """Messages of a batch."""
        return min(self.assume.fill, consumer.batch)

    def milliseconds(self, consumer: Consumer) -> float:
        """How long a batch takes; a message after the other where somebody knows how long one takes."""
        fill = self.fill(consumer)
        if (told := self.assume.seconds.get(consumer.function)) is not None:
            return fill * told * 1000
        return self.takes(self.waits(consumer), fill, consumer.memory)

    def takes(self, waits: float, messages: float, memory: int) -> float:
        """Milliseconds of so many messages with so many MB, of which `waits` are spent waiting for calls.

        A part of a core does nothing more slowly until its part of the time is used up, and then stands still: what it
        does while it waits costs no time, until the work alone takes longer than both.
        """
        work = messages * self.assume.cpu
        return max(waits + work, work / core(memory))

    def waits(self, consumer: Consumer) -> float:
        """Milliseconds of a batch that are spent waiting: a message's effects are one call, its events ten a call.

        The claim of an idempotency key is a call of its own, before the effect, and so is each question of a limit;
        what is parked is read once a batch. What a limit makes a message wait is not counted.
        Calls for messages of a standard queue are waited for side by side. E-mails go one after the other, and so do
        messages of a FIFO queue, of which a batch may be one group.
        """
        assume, fill = self.assume, self.fill(consumer)
        effects, claims = self._effects(consumer)
        writes = min(effects, 1) + claims + self.limits(consumer) + (2 if consumer.sends_email else 0)
        rounds = fill if self.topology.queue(consumer.function).fifo else math.ceil(fill / ABREAST)
        sends = fill * assume.send if consumer.sends_email else 0
        publishes = self.put_events(consumer) * assume.publish
        reads = assume.write if self.parks(consumer) else 0
        # What plans makes a schedule for each; what has plans asks for ten a call.
        plans = rounds if consumer.function == PLAN_COMMAND else math.ceil(fill / CALL) if consumer.plans else 0
        return reads + rounds * writes * assume.write + sends + publishes + plans * assume.send

    def put_events(self, consumer: Consumer) -> int:
        """Calls of PutEvents for a batch, of one event a message."""
        return math.ceil(self.fill(consumer) / CALL) if consumer.publishes else 0

    def units(self, consumer: Consumer) -> float:
        """Write units of a message."""
        effects, claims = self._effects(consumer)
        return units(effects) + claims + self.limits(consumer) + (2 if consumer.sends_email else 0)

    def limits(self, consumer: Consumer) -> int:
        """Writes of a message for its limits: one for a slot, two to take a place and to leave it."""
        return sum((limit.rate is not None) + 2 * (limit.at_once is not None) for limit in consumer.limits)

    def writes(self, consumer: Consumer, *, keys: bool = True) -> list[str]:
        """The writes of a message; without `keys` not those that claim an idempotency key."""
        return [
            action for access in consumer.access if keys or access.table != names.KEYS for action in written(access)
        ]

    def table_units(self, consumer: Consumer, access: Access) -> float:
        """Write units of a message in that table alone."""
        count = len(written(access))
        if access.table == names.KEYS:
            return self.assume.keyed * count
        effects, _ = self._effects(consumer)
        return 2 * count if effects > 1 else count

    def parks(self, consumer: Consumer) -> bool:
        """Whether its queue parks what comes after a dead message of its group."""
        return self.topology.queue(consumer.function).on_poison == "park"

    def _effects(self, consumer: Consumer) -> tuple[int, float]:
        """The writes of a message, and the claims of idempotency keys before them."""
        effects = len(self.writes(consumer, keys=False))
        return effects, self.assume.keyed * (len(self.writes(consumer)) - effects)


def core(memory: float) -> float:
    """The part of a core that a function of so many MB has: all of it at the most, for a handler does one thing."""
    return min(memory / CORE, 1)


def written(access: Access) -> list[str]:
    """Those of its actions that write."""
    return [action for action in access.actions if action in WRITES]


def read(actions: Iterable[str]) -> list[str]:
    """Those of the actions that read."""
    return [action for action in actions if action in READS]


def units(writes: int) -> int:
    """Write units of so many writes: one each, two each where several are one transaction.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
    """
    return writes if writes < 2 else 2 * writes
