"""What a message that waits for a limit carries along: which message it was at first, and which slot is its own."""

from __future__ import annotations

import re
from typing import Self

from msgspec import Struct

FORM = re.compile(r"([!-~]{1,100})" + r" ([0-9]{1,17})" * 5 + r"(?: ([!-~]{1,100}))? ([!-~]{0,100})")
SAME = 5_000
"""Milliseconds between what a worker says was the time of sending and what SQS says, at the most: a copy that SQS took
much later was moved by a redrive, which begins anew."""


class Waited(Struct, frozen=True, kw_only=True):
    """The value of the attribute `waited`, and of the note about a message that waits where it is.

    `origin` is the id that SQS gave at first, `first_sent` when, `sent` when this copy was, in epoch milliseconds.
    `attempts` were made so far. `limit` is the limit whose slot at `slot` (epoch microseconds) is kept for it, with a
    digest of the key; it is empty where nothing is kept and `looks` counts how often there was no room. `failed` is the
    id that it had when it failed first, under which that is recorded; empty if it did not fail before this copy.
    """

    origin: str
    first_sent: int
    sent: int = 0
    attempts: int = 0
    looks: int = 0
    limit: str = ""
    slot: int = 0
    failed: str = ""

    def text(self) -> str:
        """As an attribute says it."""
        numbers = f"{self.first_sent} {self.sent} {self.attempts} {self.looks} {self.slot}"
        return f"{self.origin} {numbers}{' ' * bool(self.failed)}{self.failed} {self.limit}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """What the attribute says; None if it is none of ours."""
        found = FORM.fullmatch(text)
        if found is None:
            return None
        parts = found.groups()
        first_sent, sent, attempts, looks, slot = map(int, parts[1:6])
        return cls(
            origin=parts[0],
            first_sent=first_sent,
            sent=sent,
            attempts=attempts,
            looks=looks,
            limit=parts[7],
            slot=slot,
            failed=parts[6] or "",
        )

    def is_of(self, sent: float) -> bool:
        """Whether it is of the message that SQS took at `sent` (epoch seconds), and not of one that was moved since."""
        return abs(round(sent * 1000) - self.sent) <= SAME
