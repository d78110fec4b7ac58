"""A redrive that AWS's own mover does, as a run of ours: recorded, watched, and told like any other."""

from __future__ import annotations

from time import monotonic

import msgspec

from ops import audit
from ops.depth import depth
from ops.errors import OpsError
from ops.queue import Queue
from ops.redrive import native
from ops.redrive.report import FAILED, Progress, Report
from ops.redrive.request import Request
from ops.sqs.connection import INTERRUPTED
from ops.stage import Stage


def move(stage: Stage, dead: Queue, to: Queue | None, request: Request, run: str, progress: Progress) -> Report:
    """Moves everything from `dead` by AWS, for as long as it takes, and reports. Raises as `native.start` does."""
    started = monotonic()
    report = Report(run, dead.word, acted=True, native=True)
    tally = report.tally
    tally.seen = tally.matched = depth(stage, dead).waiting
    native.start(stage, dead, to=to, rate=request.native_rate)
    record = audit.begin(stage, report.run, "native redrive", dead.word, msgspec.to_builtins(request))
    try:
        tally.moved = native.follow(stage, dead, progress).moved
    except KeyboardInterrupt:
        tally.moved = native.cancel(stage, dead)
        report.stopped = INTERRUPTED
    except OpsError as error:
        report.stopped, report.failure = FAILED, str(error)
    if report.failure is None:
        report.dead_again = depth(stage, dead).waiting
    tally.to[to.word if to is not None else "where they came from"] = tally.moved
    report.problem = audit.end(stage, record, {"moved": tally.moved, "stopped": report.stopped})
    report.seconds = round(monotonic() - started, 3)
    return report
