"""Runs of a schedule that must not overlap: one is skipped while the run before it waits or is at work.

Each such schedule has one item, which says which run holds it. A run takes it when it begins, in one conditional write,
and says in another that it is over: because it is done, or because its message is about to die. A worker that dies says
nothing, so a hold ends by itself once the message would have had all its attempts; an attempt before then goes on with
it. No hold lasts for the hours that last attempts wait for a service that is away: a later run takes over then, and the
one before is not attempted again. A run is skipped if another holds the schedule, if the run before was over only after
its own time, or if a later one has begun: of runs that waited together, as behind an outage, one is done. What a person
redrives waits for the run at work instead, and is then done.

Only messages of such schedules load this module. Times are epoch milliseconds.
"""

from __future__ import annotations

import time
from functools import partial

from functions.contracts.environment import LONGEST_DELAY
from functions.contracts.run import Run
from functions.runtime import clients
from functions.runtime.deadline import within
from functions.runtime.errors import NotAttempted, OutOfTime, Reject, Retry, Unavailable
from functions.runtime.outcome import Failure, Outcomes
from functions.runtime.record import Record
from functions.runtime.settings import Settings
from functions.runtime.table import ConditionFailed, Item, Table
from functions.runtime.visibility import OUTAGE, ceiling

RUNS = Table("schedule_runs")
MARGIN = 300
"""Seconds by which an attempt may come later than the visibility timeout says: the longest batch window."""
AGAIN, LATER = 60, 600
"""Seconds after which a redriven run looks again whether the one at work is over, the first time and the next ones."""
_IS_OVER = "attribute_exists(over_at)"
_IS_LEFT = "lease_ends < :now AND attribute_not_exists(over_at)"
_CONDITION = " OR ".join(
    (
        "attribute_not_exists(holder)",
        # The same run again: at work, or dead and brought back.
        "(holder = :at AND (attribute_not_exists(over_at) OR failed = :yes))",
        "(newest < :at AND over_at <= :at)",
        f"(newest <= :at AND {_IS_LEFT})",
        # The newest one, after a redriven one before it was done meanwhile.
        f"(newest = :at AND holder <> :at AND {_IS_OVER})",
    )
)
_REDRIVEN = f"{_CONDITION} OR {_IS_OVER} OR ({_IS_LEFT})"


def begin(record: Record, settings: Settings, left: float) -> str | None:
    """Take the schedule for the record's run; why it is skipped, or None where it is to be done, in `left` seconds.

    Raises `Retry` for a redriven run while another is at work, and what a write to DynamoDB raises.
    """
    run = _run(record)
    if run is None:
        return None
    now = _now()
    condition, newest = _CONDITION, ":at"
    if record.redriven is not None:
        condition, newest = _REDRIVEN, "if_not_exists(newest, :at)"
    try:
        RUNS.update(
            {"schedule": run.schedule},
            f"SET holder = :at, newest = {newest}, lease_ends = :ends REMOVE over_at, failed",
            condition=condition,
            values={":at": run.at, ":now": now, ":ends": now + _lease(record, settings, left), ":yes": True},
        )
    except ConditionFailed as standing:
        return _why(run, record, standing.item or {}, settings)
    except LookupError:
        return None  # its schedule does not say any more that runs must not overlap
    return None


def finish(outcomes: Outcomes, settings: Settings, seconds: float) -> dict[str, Exception]:
    """Note which runs are over, in so many seconds: what is done, and what dies. Why it could not be, by message id."""
    problems: dict[str, Exception] = {}
    end = time.monotonic() + seconds
    for id_, one in outcomes.items():
        dies = isinstance(one, Failure)
        if not one.record.skips or (isinstance(one, Failure) and not _is_last(one, settings)):
            continue
        try:
            within(end - time.monotonic(), partial(_over, one.record, failed=dies))
        except OutOfTime:
            clients.replace()
            problems[id_] = Unavailable("The time ran out before it was noted that this run is over.")
        except Exception as error:
            problems[id_] = error
    return problems


def _over(record: Record, *, failed: bool) -> None:
    run = _run(record)
    if run is None:
        return
    try:
        RUNS.update(
            {"schedule": run.schedule},
            "SET over_at = :now, failed = :failed",
            condition="holder = :at AND attribute_not_exists(over_at)",
            values={":now": _now(), ":at": run.at, ":failed": failed},
        )
    except (ConditionFailed, LookupError):
        return  # skipped, or never begun, or a second delivery was quicker; or nobody asks any more


def _is_last(failure: Failure, settings: Settings) -> bool:
    if isinstance(failure.error, NotAttempted):
        return False  # it only waits
    rejected = isinstance(failure.error, Reject) and not settings.halts
    return rejected or failure.record.attempt >= settings.receives


def _why(run: Run, record: Record, item: Item, settings: Settings) -> str:
    holder, is_over = item.get("holder", 0), "over_at" in item
    if record.redriven is not None and not (holder == run.at and is_over):
        wait = _until_over(record, item, settings)
        raise Retry(f"Another run of {run.schedule} is at work; it looks again in {wait:.0f} s.", delay=wait)
    if holder == run.at:
        return "this run is over already"
    if item.get("newest", 0) > run.at:
        return "a later run has begun"
    return "the run before it was over too late" if is_over else "the run before it is not over"


def _until_over(record: Record, item: Item, settings: Settings) -> float:
    """Seconds until a redriven run looks again: soon at first, and with two receives left once the other must be over.

    So a worker that died at the other run costs no dead letter its second chance.
    """
    ends = max(0.0, (int(item.get("lease_ends", 0)) - _now()) / 1000) + 1
    if settings.receives - record.attempt <= 2:
        return ends
    return min(ends, AGAIN if record.attempt == 1 else LATER)


def _lease(record: Record, settings: Settings, left: float) -> int:
    """How long its attempts may go on, from now on: the back-off of each, and six times its time, as queues have it."""
    begun = range(record.attempt, settings.receives)
    seconds = sum(max(ceiling(attempt, settings), OUTAGE) + 6 * left + MARGIN for attempt in begun) + left + MARGIN
    seconds += LONGEST_DELAY if settings.limits else 0  # as a copy it comes again within that, and goes on with it
    return round(1000 * min(seconds, settings.retention))


def _run(record: Record) -> Run | None:
    return Run.of(record.run) if record.run else None


def _now() -> int:
    return round(time.time() * 1000)
