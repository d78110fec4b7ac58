"""An alarm, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stacks.monitoring.metrics import Metric, of_queue

RULE = "<queue>-on-<event>"
"""The alarm's own rule, as people call it."""


@dataclass(frozen=True)
class Kind:
    """A kind of alarm: what it means and what to do, which is also its section in docs/alarms.md.

    `<stage>`, `<queue>` and `<queue>-on-<event>` stand for the alarm's own.
    """

    name: str
    means: str
    do: str


@dataclass(frozen=True)
class Alarm:
    """An alarm: above `threshold` in `datapoints` of the last `periods`. `expression` combines several metrics."""

    kind: Kind
    subject: str
    metrics: Mapping[str, Metric]
    threshold: float
    unit: str
    expression: str | None = None
    periods: int = 1
    datapoints: int = 1

    @property
    def period(self) -> int:
        """Seconds of a period."""
        return next(iter(self.metrics.values())).period

    @property
    def word(self) -> str:
        """What the alarm is called in its stage: `open_ticket-dead-letters`."""
        return f"{self.subject}-{self.kind.name}"

    def do(self, stage: str) -> str:
        """What to do about this alarm of that stage."""
        return self.kind.do.replace("<stage>", stage).replace(RULE, self.subject).replace("<queue>", self.subject)


def waiting(kind: Kind, subject: str, queue_name: str) -> Alarm:
    """An alarm for whatever waits in a queue that should be empty."""
    # The number that waits, because SQS's own moves count as no NumberOfMessagesSent.
    waiting = of_queue(queue_name, "ApproximateNumberOfMessagesVisible", "Maximum")
    return Alarm(kind, subject, {"waiting": waiting}, threshold=0, unit="messages")
