"""The limits of a stage as they are counted now: keys, slots that are given away, places, and who waited for them."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from functions.contracts.limit import LONGEST, Rule, before_key, places, slots
from ops.dead_letters.redaction import Redaction
from ops.depth import depth
from ops.errors import OpsError, UsageError
from ops.limits import table
from ops.limits.bucket import Bucket, bucket
from ops.limits.table import Items
from ops.observe.logs import TooSlow, limited
from ops.queue import find
from ops.stage import Stage
from stacks.entry import Consumer, Limit, Topology
from stacks.limits import rule_of

MOST = 20
"""Keys of a limit that are shown, those first that hold back most."""
MINUTE = 60
PATIENCE = 15.0
"""Seconds for which the logs are asked."""
REASON = re.compile(r"Limit '([^']{1,40})' ")
"""How the reason of a wait begins, in the log line of the consumer."""
DIGEST = re.compile(r"[0-9a-f]{64}")


class Counted(Struct, frozen=True, kw_only=True):
    """One limit of a consumer.

    `rule` is it in words. `waited` is how many messages left to wait for it in the last minute, None where the logs
    did not say. `buckets` are the keys that were found, those first that hold back most; `more` of them are not shown.
    """

    name: str
    rule: str
    per: str | None
    in_code: bool
    retired: bool
    waited: int | None
    buckets: list[Bucket]
    more: int = 0

    @property
    def keyed(self) -> bool:
        """Whether it counts each key by itself."""
        return self.in_code or self.per is not None

    @property
    def holds_back(self) -> bool:
        """Whether more waits for some key of it than a minute lets through."""
        return not self.retired and any(each.holds_back for each in self.buckets)


class Limited(Struct, frozen=True, kw_only=True):
    """A consumer that has limits, and what is in its queue: what waits is a delayed copy, in FIFO a hidden message."""

    consumer: str
    integration: str
    fifo: bool
    waiting: int
    in_flight: int
    delayed: int
    limits: list[Counted]


class Found(Struct, frozen=True, kw_only=True):
    """Every consumer that has limits, or the one that was asked for.

    `looked_at` are the items of the table that were read to find keys, and `more` whether it has others; `hashed` says
    that some keys are so long that the table has their SHA-256 only. `problem` says why it is not known who waited.
    """

    consumers: list[Limited]
    looked_at: int
    more: bool
    hashed: bool = False
    problem: str | None = None

    def remarks(self) -> Iterator[str]:
        """What is to be known of the figures, a sentence each."""
        if self.more:
            yield (
                f"{self.looked_at:,} items of the table were looked at, and it has more: a key that is not shown is "
                "found by looking it up."
            )
        if self.hashed:
            yield f"Of a key of more than {LONGEST} characters the table has the SHA-256 only: look it up by itself."
        if self.problem is not None:
            yield self.problem


def counted(stage: Stage, only: str | None = None, key: str | None = None, *, now: float | None = None) -> Found:
    """What is counted of every limit, or of one consumer's, at `now` (epoch seconds).

    Limits without keys are looked up. Of those with keys one page of the table is read, however many there are; with a
    `key` only that key is looked up. Raises `UsageError` where there is no such consumer, or it has no limits with
    keys; `OpsError` where AWS refuses.
    """
    now = time.time() if now is None else now
    topology = stage.topology
    consumers = [each for each in topology.consumers if each.limits and only in (None, each.function)]
    _check(topology, consumers, only, key)
    items, looked_at, more = _items(stage, consumers, only, key)
    waited, problem = _waited(stage, consumers, now)
    teller = _Teller(Redaction(topology), items, now, key)
    found = [_of(stage, each, teller, waited) for each in consumers]
    return Found(consumers=found, looked_at=looked_at, more=more, hashed=teller.hashed, problem=problem)


def _check(topology: Topology, consumers: list[Consumer], only: str | None, key: str | None) -> None:
    if key is not None and only is None:
        raise UsageError("Say whose key it is: limits CONSUMER --key KEY.")
    if only is not None and not consumers:
        have = ", ".join(each.function for each in topology.consumers if each.limits)
        if any(each.function == only for each in topology.consumers):
            raise UsageError(f"Consumer {only!r} has no limits.")
        raise UsageError(f"There is no consumer {only!r} with limits: there is {have or 'none'}.")
    if key is not None and not any(_has_keys(each) for consumer in consumers for each in consumer.limits):
        raise UsageError(f"The limits of {only!r} are for the whole consumer: leave --key out.")


def _items(stage: Stage, consumers: list[Consumer], only: str | None, key: str | None) -> tuple[Items, int, bool]:
    """What the table has of them, how many items were looked at for that, and whether there are others."""
    rules = [(each.function, rule_of(limit), _has_keys(limit)) for each in consumers for limit in each.limits]
    wanted = [
        item
        for function, rule, keyed in rules
        for item in _keys(function, rule, key if keyed and key is not None else "")
        if not keyed or key is not None
    ]
    known = table.items(stage, wanted)
    if key is not None or not any(keyed for *_, keyed in rules):
        return known, 0, False
    found, looked_at, more = table.page(stage, f"{only}/" if only is not None else "")
    return found | known, looked_at, more


def _keys(function: str, rule: Rule, value: str) -> Iterator[str]:
    if rule.rate:
        yield slots(function, rule, value)
    if rule.at_once:
        yield places(function, rule, value)


def _has_keys(limit: Limit) -> bool:
    return limit.in_code or limit.per is not None


def _waited(stage: Stage, consumers: list[Consumer], now: float) -> tuple[Counter[tuple[str, str]] | None, str | None]:
    """How many messages left to wait in the last minute, by consumer and limit; or why that is not known."""
    if not consumers:
        return Counter(), None
    try:
        lines = limited(stage, [each.function for each in consumers], now - MINUTE, patience=PATIENCE)
    except TooSlow:
        return None, f"The logs took more than {PATIENCE:.0f} s to say who waited."
    except OpsError as error:
        return None, f"Who waited in the last minute is not known: {error}"
    named = ((line.service, REASON.search(line.error or "")) for line in lines if line.outcome == "limited")
    return Counter((service, reason[1]) for service, reason in named if reason is not None), None


class _Teller:
    """Reads buckets out of the items, and tells their keys as they may be shown."""

    def __init__(self, redaction: Redaction, items: Items, now: float, key: str | None) -> None:
        self.hashed = False
        self._redaction = redaction
        self._items = items
        self._now = now
        self._key = key

    def buckets(self, consumer: str, limit: Limit) -> list[Bucket]:
        """Those of the limit, the ones first that hold back most; of one that lets everything through none."""
        rule = rule_of(limit)
        if limit.retired:
            return []
        if not _has_keys(limit):
            return [self._bucket(consumer, rule, "", None)]
        if self._key is not None:
            return [self._bucket(consumer, rule, self._key, self._shown(limit, self._key))]
        found = [self._bucket(consumer, rule, each, self._shown(limit, each)) for each in self._values(consumer, rule)]
        return sorted(found, key=lambda each: (-(each.last or 0), -(each.taken or 0), each.key or ""))

    def _bucket(self, consumer: str, rule: Rule, value: str, shown: str | None) -> Bucket:
        count = self._items.get(slots(consumer, rule, value)) if rule.rate else None
        held = self._items.get(places(consumer, rule, value)) if rule.at_once else None
        return bucket(rule, shown, count, held, self._now)

    def _values(self, consumer: str, rule: Rule) -> list[str]:
        """The keys that the items of the limit are of, as the table has them."""
        begin = before_key(consumer, rule)
        ends = [item.removeprefix(begin) for item in _keys(consumer, rule, "")]
        found = {
            item[len(begin) : -len(end)]
            for item in self._items
            if item.startswith(begin)
            for end in ends
            if item.endswith(end) and len(item) > len(begin) + len(end)
        }
        return sorted(found)

    def _shown(self, limit: Limit, value: str) -> str:
        """The key without what contracts and names say is secret."""
        name = limit.name if limit.in_code else limit.per or ""
        if DIGEST.fullmatch(value) and self._key is None:
            self.hashed = True
            return f"sha256:{value[:12]}…"
        return str(self._redaction.of({name: value})[name])[:LONGEST]


def _of(stage: Stage, consumer: Consumer, teller: _Teller, waited: Counter[tuple[str, str]] | None) -> Limited:
    topology = stage.topology
    now = depth(stage, find(stage, consumer.function))
    limits = []
    for each in consumer.limits:
        buckets = teller.buckets(consumer.function, each)
        limits.append(
            Counted(
                name=each.name,
                rule=each.words.partition(": ")[2].removesuffix(" (retired)"),
                per=each.per,
                in_code=each.in_code,
                retired=each.retired,
                waited=None if waited is None else waited[consumer.function, each.name],
                buckets=buckets[:MOST],
                more=max(len(buckets) - MOST, 0),
            )
        )
    return Limited(
        consumer=consumer.function,
        integration=now.integration or "",
        fifo=topology.queue(consumer.function).fifo,
        waiting=now.waiting,
        in_flight=now.in_flight,
        delayed=now.delayed,
        limits=limits,
    )
