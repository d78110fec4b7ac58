"""Which alarms a stage has for its schedules: plain data, without `aws_cdk`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from stacks import names, recurrence
from stacks.entry import Queue, Schedule, Topology
from stacks.monitoring import metrics
from stacks.monitoring.alarm import Alarm, Kind, waiting
from stacks.monitoring.metrics import MINUTE

HOUR = 60 * MINUTE
DAY = 24 * HOUR
COUNTS = {
    "errors": "TargetErrorCount",
    "dropped": "InvocationDroppedCount",
    "lost": "InvocationsFailedToBeSentToDeadLetterCount",
}
"""What went wrong in Scheduler. https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html"""

UNSENT = Kind(
    "unsent",
    "EventBridge Scheduler could not send runs of a schedule to their queue; they are in its `undelivered` queue for "
    "14 days.",
    "The message attributes ERROR_CODE and ERROR_MESSAGE say why, most often a role or key policy. Fix it, deploy, "
    "then `python -m ops redrive <queue>-undelivered --stage <stage>`.",
)
SCHEDULE_FAILED = Kind(
    "schedule-failed",
    "EventBridge Scheduler had errors when it sent runs of schedules, gave up sending one, or could not even keep one "
    "in its `undelivered` queue, which is lost then.",
    "`python -m ops schedules --stage <stage>` shows which runs came. Errors alone are tried again for a day; look at "
    "the role `<stage>-schedules` and at SQS. `python -m ops schedules run NAME --at TIME --stage <stage>` sends a run "
    "that was lost.",
)
NOT_RUN = Kind(
    "not-run",
    "Nothing came to a queue that only schedules feed, for longer than they ever leave between two runs.",
    "`python -m ops schedules --stage <stage>` shows whether one is paused, and `resume` lets it go on. If none is, "
    "look at the alarm `schedule-failed`.",
)


def of_schedules(stage: str, topology: Topology) -> Iterator[Alarm]:
    """Those of what was not sent, of the whole group, and of each queue that only schedules feed."""
    for queue_name in topology.scheduled():
        yield waiting(UNSENT, queue_name, names.target_dead_letter_queue(stage, queue_name))
    if not topology.schedules:
        return
    yield Alarm(
        SCHEDULE_FAILED,
        names.SCHEDULES,
        {name: metrics.of_schedules(stage, count) for name, count in COUNTS.items()},
        # Each is there only while something is wrong.
        expression=" + ".join(f"FILL({name}, 0)" for name in COUNTS),
        threshold=0,
        unit="failures",
    )
    routed = {queue for route in topology.routes for queue in route.queues}
    for queue_name in dict.fromkeys(schedule.queue for schedule in topology.schedules):
        entries = [each for each in topology.schedules if each.queue == queue_name and not each.paused]
        if queue_name not in routed and entries:
            yield from _not_run(stage, topology.queue(queue_name), entries)


def _not_run(stage: str, queue: Queue, entries: Sequence[Schedule]) -> Iterator[Alarm]:
    """By SQS's count, because Scheduler has figures of a whole group only; none where CloudWatch cannot look so far.

    Lambda asks the queue all the time, so that SQS says how many came when none did; it says nothing of the time before
    the queue was there, which counts as good.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    longest = min(recurrence.recurring(each.every).longest_gap + 60 * each.window for each in entries) + HOUR
    period, most = (5 * MINUTE, DAY) if longest <= DAY - 5 * MINUTE else (HOUR, 7 * DAY)
    periods = math.ceil(longest / period) + 1 if longest < most else 0
    if periods and periods * period <= most:
        sent = metrics.of_queue(names.queue(stage, queue.name, fifo=queue.fifo), "NumberOfMessagesSent")
        yield Alarm(
            NOT_RUN,
            queue.name,
            {"sent": replace(sent, period=period)},
            expression="IF(sent < 1, 1, 0)",
            threshold=0,
            unit="periods without a run",
            periods=periods,
            datapoints=periods,
        )
