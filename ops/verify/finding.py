"""What one check found: what we assume of AWS, what was seen, and whether the two agree."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Verdict = Literal["as assumed", "differs", "not checked"]


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the table. `place` is the route, queue or function that was looked at."""

    place: str
    check: str
    """What should hold, as a sentence."""
    expected: str
    seen: str
    verdict: Verdict


def judged(place: str, check: str, expected: str, seen: str, *, good: bool) -> Finding:
    """What was looked at: `good` says whether it is as assumed."""
    return Finding(place=place, check=check, expected=expected, seen=seen, verdict="as assumed" if good else "differs")


def not_checked(place: str, check: str, why: str) -> Finding:
    """What could not be looked at, and why."""
    return Finding(place=place, check=check, expected="-", seen=why, verdict="not checked")
