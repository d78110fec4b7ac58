"""What a redrive is asked to do: said once, by a command or a program, and kept in its journal and its audit record."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from ops.dead_letters.selection import EVERYTHING, Selection
from ops.errors import UsageError
from ops.redrive import native
from ops.redrive.rule import Script


class Request(Struct, frozen=True, omit_defaults=True):
    """Which dead letters are redriven, where to, and how."""

    queue: str
    """A work queue's word, or a dead-letter queue by word, name, URL or ARN."""
    selection: Selection = EVERYTHING
    to: str | None = None
    """Another queue than the one they came from, by word, name, URL or ARN."""
    limit: int | None = None
    """So many messages at the most."""
    edit: str | None = None
    """A JSON merge patch for the bodies, or the bodies as somebody edited them, as `document` writes them."""
    python: Script | None = None
    """A rule that edits them."""
    rate: float | Literal["auto", "max"] = "auto"
    """Messages a second; `auto` is as many as the other side keeps up with, `max` no limit."""
    keep_order: bool = True
    """Whether what stays of a FIFO group keeps those after it there too."""
    force: bool = False
    """Whether to go on although most messages come straight back."""
    follow: bool = False
    """Whether to go on with messages that come after the start, until none is left."""
    group: str | None = None
    """The FIFO group that messages of a standard queue get in a FIFO queue."""
    natively: bool | None = None
    """Whether AWS's own redrive moves; None leaves it to AWS where AWS can and the queue keeps no order."""

    @property
    def plain(self) -> bool:
        """Whether it asks for nothing that AWS's own redrive cannot do."""
        chosen = (
            not self.selection.everything
            or self.limit is not None
            or self.edit is not None
            or self.python is not None
            or self.group is not None
        )
        return not chosen and (self.rate == "auto" or self.native_rate is not None)

    @property
    def native_rate(self) -> int | None:
        """The rate as AWS's own redrive takes it; None where none is set, or it takes no such rate."""
        if isinstance(self.rate, str) or not 1 <= self.rate <= native.CAP or self.rate != int(self.rate):
            return None
        return int(self.rate)


def rate_of(text: str) -> float | Literal["auto", "max"]:
    """The rate that a person says. Raises `UsageError` for one that is none."""
    if text == "auto":
        return "auto"
    if text == "max":
        return "max"
    try:
        rate = float(text)
    except ValueError:
        rate = 0
    if not 0 < rate < math.inf:
        raise UsageError(f"--rate is {text!r}: give messages a second, `max` or `auto`.")
    return rate
