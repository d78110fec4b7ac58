"""What a redrive would make of messages that are in hand: nothing is received and nothing sent.

A dry run goes through the whole queue; this judges what somebody just looked at, such as the one message they edit.
"""

from __future__ import annotations

from collections.abc import Sequence

from ops.dead_letters.parked import work_of
from ops.dead_letters.peek import Seen
from ops.dead_letters.selection import Meant
from ops.queue import find, find_dead
from ops.redrive.changes import Changes, change_of
from ops.redrive.delivery import Delivery
from ops.redrive.journal import new_run
from ops.redrive.reasons import count
from ops.redrive.report import Report
from ops.redrive.request import Request
from ops.redrive.routing import Routing
from ops.sqs.connection import connected
from ops.sqs.loop import run
from ops.stage import Stage


def preview(stage: Stage, request: Request, seen: Sequence[Seen]) -> Report:
    """The report of a dry run over these messages alone: differences, what contracts say, and where each would go.

    Raises `UsageError` for an edit that is none, `OpsError` where AWS must be asked where they belong and refuses.
    """
    dead = find_dead(stage, request.queue)
    to = find(stage, request.to) if request.to is not None else None
    changes = Changes(
        stage,
        change_of(stage, request),
        work_queue=work_of(stage.topology, dead.word),
        act=False,
        force=request.force,
    )
    report = Report(new_run(), dead.word, acted=False)

    async def judge() -> None:
        async with connected(stage, dead, to) as sqs:
            routing = Routing(stage, sqs, dead, to, request.group)
            for each in seen:
                report.tally.seen += 1
                delivery = changes.prepare(routing, each.message, each.cause)
                if delivery is None:
                    report.tally.left += 1
                    continue
                report.tally.matched += 1
                report.tally.explain(Meant.of(each.cause))
                if isinstance(delivery, Delivery):
                    report.tally.to[delivery.to.name.rpartition("/")[2]] += 1
                else:
                    count(report.tally.refused, delivery)

    run(judge())
    changes.saw([each.message for each in seen])
    changes.tell(report)
    return report
