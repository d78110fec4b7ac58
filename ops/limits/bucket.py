"""What the table of limits counts of one key: slots that are given away ahead, and places that are taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from functions.contracts.limit import Rule

SECOND = 1_000_000
"""Microseconds: what a slot's time is in."""
HELD_BACK = 60.0
"""Seconds for which slots are given away ahead, from which on a limit holds back more than a minute lets through."""


class Bucket(Struct, frozen=True, kw_only=True):
    """One key of a limit at one moment; times are seconds from then on.

    `key` is None where the limit is one for the whole consumer. `left` is how many messages would be let in at once,
    `promised` how many slots are given away that are yet to come, the last of them in `last` seconds, and `next` when a
    message that asks now would be let in; None of a limit without a rate. `taken` is how many places are held, None of
    one without places. `counted` is false where the table has nothing of it.
    """

    key: str | None
    counted: bool = True
    left: int | None = None
    promised: int | None = None
    last: float | None = None
    next: float | None = None
    taken: int | None = None

    @property
    def holds_back(self) -> bool:
        """Whether more waits for it than a minute lets through."""
        return (self.last or 0) > HELD_BACK

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits for it and nobody holds a place of it."""
        return not self.promised and not self.taken


def bucket(
    rule: Rule, key: str | None, slots: Mapping[str, Any] | None, places: Mapping[str, Any] | None, now: float
) -> Bucket:
    """What the items of that key say at `now` (epoch seconds); None for one that is not there.

    `given` is the time up to which all is given away, as `functions.runtime.slot` moves it on. A place is text that
    begins with the epoch milliseconds until which it is held, as `functions.runtime.room` writes it.
    """
    left = promised = taken = None
    last = following = None
    if rule.rate:
        step = math.ceil(SECOND / rule.rate)
        moment = int(now * SECOND)
        given = max(_whole((slots or {}).get("given")), moment)
        ahead = given - moment
        left = max((rule.burst * step - ahead) // step, 0)
        behind = max(ahead - rule.burst * step, 0)
        promised = -(-behind // step)
        last = behind / SECOND
        following = max(ahead - (rule.burst - 1) * step, 0) / SECOND
    if rule.at_once:
        held = (value for name, value in (places or {}).items() if name[:1] == "p" and name[1:].isdigit())
        taken = sum(_until(value) >= now * 1000 for value in held)
    return Bucket(
        key=key,
        counted=slots is not None or places is not None,
        left=left,
        promised=promised,
        last=last,
        next=following,
        taken=taken,
    )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _until(value: Any) -> int:
    text = str(value).partition(" ")[0]
    return int(text) if text.isdecimal() else 0
