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


def in_flight(count: int, how: str = "try again") -> str:
    """What must be said of so many messages that were there and were not seen; `how` to go on."""
    return (
        f"{count:,} that SQS counts are in flight, which somebody holds, or behind one that is: {how} in two minutes."
    )


def uncounted(count: int, counted: int) -> str:
    """What must be said of so many that were left by the count, though they were sent before the start."""
    return (
        f"SQS counted {counted:,} at the start; at least {count:,} more are left that were sent before it: they died "
        "since, or SQS had not counted them yet."
    )


def _counted(counts: Counts) -> str:
    held = f"{counts.in_flight:,} in flight, which somebody holds" if counts.in_flight else "none in flight"
    delayed = f", {counts.delayed:,} delayed" if counts.delayed else ""
    return f"{counts.waiting:,} to receive, {held}{delayed}"
