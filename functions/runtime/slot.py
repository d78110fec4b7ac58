"""How many a second: each message of a key is given its own slot, by one conditional write.

It is the generic cell rate algorithm in its virtual scheduling form (ITU-T I.371, annex A): of each key the table keeps
one time, up to which all is given away. Whoever asks moves that time on by its own share, and whatever comes of it is
the slot: no two have the same, whoever asks first, and nobody needs to ask again when it has waited.

Within any time that begins and ends with slots there are no more of them than the rate gives, and the burst. A slot is
good for half of an interval; what comes later asks for another, so that a crowd whose slots have passed meanwhile, such
as after a pause, does not come in all at once.
"""

from __future__ import annotations

import math
import time

from functions.contracts.environment import DAY
from functions.contracts.limit import KEY, TABLE, Rule
from functions.runtime.errors import Unavailable
from functions.runtime.table import ConditionFailed, Table

SECOND = 1_000_000
"""Microseconds: what all times here are in."""
TRIES = 6
"""Writes for one slot, at the most. Two do, unless clocks differ or the table takes long to answer."""
LIFE = 2 * DAY
"""Seconds for which a key is remembered after it was last asked for, at the least."""
REMEMBERED = 10_000
"""Keys of which a worker remembers what it saw last."""

_seen: dict[str, int] = {}
LIMITS = Table(TABLE)


def now() -> int:
    """The time now, in epoch microseconds."""
    return int(time.time() * SECOND)


def interval(rule: Rule) -> int:
    """Microseconds between two slots in the long run."""
    return math.ceil(SECOND / (rule.rate or SECOND))


def is_good(rule: Rule, slot: int, at: int) -> bool:
    """Whether a slot can still be used at that time, or before."""
    return at <= slot + interval(rule) // 2


def reserve(rule: Rule, key: str, cost: int = 1) -> int:
    """The next slot of the key, which is taken by that: at once if it is not after now.

    Raises `Unavailable` if the table gives none, and botocore's errors.
    """
    share = cost * interval(rule)
    ahead = _seen.get(key, 0) > now()
    for _ in range(TRIES):
        at = now()
        told = _moved(key, at, share) if ahead else _begun(key, at, share)
        if isinstance(told, ConditionFailed):
            ahead = (told.item or {}).get("given", 0) > at
            continue
        _remember(key, told)
        slot = max(told - rule.burst * interval(rule), at)
        # The answer may have taken long, and then the slot is nobody's.
        if is_good(rule, slot, now()):
            return slot
        ahead = told > now()
    raise Unavailable(f"The table of limits gave no slot of {rule.name!r} in {TRIES} writes.")


def _moved(key: str, at: int, share: int) -> int | ConditionFailed:
    """Take the share after what is given away already."""
    return _write(key, "SET given = given + :share, expires_at = :expires", "given > :now", at, {":share": share})


def _begun(key: str, at: int, share: int) -> int | ConditionFailed:
    """Take the share from now on, where nothing after now is given away."""
    change = "SET given = :then, expires_at = :expires"
    return _write(key, change, "attribute_not_exists(given) OR given <= :now", at, {":then": at + share})


def _write(key: str, change: str, condition: str, at: int, values: dict[str, int]) -> int | ConditionFailed:
    values = {**values, ":now": at, ":expires": at // SECOND + LIFE}
    try:
        return int(LIMITS.update({KEY: key}, change, condition=condition, values=values)["given"])
    except ConditionFailed as failed:
        return failed


def _remember(key: str, given: int) -> None:
    if len(_seen) >= REMEMBERED:
        _seen.clear()
    _seen[key] = given
