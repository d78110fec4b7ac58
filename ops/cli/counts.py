"""What SQS counts in a queue, in words."""

from __future__ import annotations

from ops.dead_letters.start import Counts


def in_the_queue(before: Counts, after: Counts | None) -> str:
    """What was in it before the work and is after it; `after` is None where SQS did not say."""
    if after is None:
        return f"In the queue: {_counted(before)} before; afterwards SQS did not say."
    if after == before:
        return f"In the queue, before and after: {_counted(before)}."
    return f"In the queue before: {_counted(before)}; after: {_counted(after)}."


def _counted(counts: Counts) -> str:
    held = f"{counts.in_flight:,} in flight, which somebody holds" if counts.in_flight else "none in flight"
    delayed = f", {counts.delayed:,} delayed" if counts.delayed else ""
    return f"{counts.waiting:,} to receive, {held}{delayed}"
