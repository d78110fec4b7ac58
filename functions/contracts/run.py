"""A run of a schedule, as its message names it: what the stack has EventBridge Scheduler write, and everyone reads.

A run is its schedule and the time that it was planned for, so that a second delivery of it is the same run. What a
person starts by hand is a run of the time at which they did.
"""

from __future__ import annotations

import re
from datetime import datetime

from msgspec import Struct

from functions.contracts.envelope import CORRELATION_ID, IDEMPOTENCY_KEY, RUN

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""What Scheduler writes a run's time for, wherever it stands in what is sent: `2026-11-26T06:00:00Z`.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
_SKIPS = "skip"
_SAID = re.compile(rf"([a-z0-9_]+) (\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)( {_SKIPS})?")


class Run(Struct, frozen=True):
    """A run of the schedule of that name; `time` is ISO 8601 in UTC. It `skips` if it must not overlap another."""

    schedule: str
    time: str
    skips: bool = False

    @property
    def key(self) -> str:
        """What names its effect: `rate_tickets@2026-11-26T06:00:00Z`."""
        return f"{self.schedule}@{self.time}"

    @property
    def at(self) -> int:
        """Its time in epoch milliseconds."""
        return round(datetime.fromisoformat(self.time).timestamp() * 1000)

    def attributes(self) -> dict[str, str]:
        """The attributes of its message."""
        said = f"{self.schedule} {self.time}" + (f" {_SKIPS}" if self.skips else "")
        return {CORRELATION_ID: self.key, IDEMPOTENCY_KEY: self.key, RUN: said}

    @classmethod
    def of(cls, said: str) -> Run | None:
        """The run that the attribute says; None where it says none."""
        found = _SAID.fullmatch(said)
        return cls(found[1], found[2], found[3] is not None) if found else None
