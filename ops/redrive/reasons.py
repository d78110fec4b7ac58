"""Why messages are kept or refused, told apart up to a point: a rule or a contract may have one for every message."""

from __future__ import annotations

from collections import Counter

MOST = 20
"""Reasons that are told apart."""
OTHERS = "for other reasons"
LONGEST = 300
"""Characters of a reason."""


def count(reasons: Counter[str], reason: str) -> None:
    """Counts one message more for that reason, or for others."""
    reason = shortened(reason)
    reasons[reason if reason in reasons or len(reasons) < MOST else OTHERS] += 1


def shortened(reason: str) -> str:
    """The reason, or the beginning of a long one."""
    return reason if len(reason) <= LONGEST else f"{reason[:LONGEST]}…"
