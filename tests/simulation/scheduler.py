"""EventBridge Scheduler: schedules that run once, which functions make, and those of the map, which run ever again.

Each sends a message to a queue; while SQS is away it tries again for as long as its policy says, and then puts the
message aside. What Scheduler itself is away for comes afterwards.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from json import dumps
from random import Random
from typing import Any

from stacks import recurrence
from stacks.entry import Queue as QueueEntry
from stacks.entry import Schedule
from stacks.parts.schedules import RETRY_AGE, request
from stacks.recurrence import Cron
from tests.aws.errors import ServiceError
from tests.aws.scheduler import PRECISION, OneTime, Schedules, filled
from tests.simulation.clock import EPOCH, Clock
from tests.simulation.faults import Faults
from tests.simulation.queues import Queue, send
from tests.simulation.wire import Call

Came = Callable[[Queue, str, Mapping[str, Any]], None]
"""Hears of each message that was sent: its queue, its id, and what was sent."""
Aside = Callable[[str, str, Mapping[str, Any]], None]
"""Hears of each message that could not be sent: its queue's word, its id in the queue of those, and what was sent."""
SDK_ERROR = "SDK_CLIENT_ERROR"


class Scheduler:
    """`group` is the group of what functions make, `queues` are what it sends to, by address.

    `came` and `aside` hear what became of each message, `undelivered` is where the one-time schedules put theirs.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        random: Random,
        faults: Faults,
        allowed: Callable[[str, str, str], bool],
        group: str,
        queues: Mapping[str, Queue],
        came: Came,
        aside: Aside,
    ) -> None:
        self.once = Schedules(lambda: EPOCH + clock.now, random, twice=faults.plan.twice, late=faults.plan.tardy)
        self.paused: dict[str, float] = {}
        """Schedules of the map that do not run, with the moment since when."""
        self._clock = clock
        self._random = random
        self._faults = faults
        self._allowed = allowed
        self._group = group
        self._queues = queues
        self._came = came
        self._aside = aside

    # What functions ask for.

    def answer(self, call: Call) -> dict[str, Any]:
        """What Scheduler answers. Raises `ServiceError`, and `LookupError` for a call that is not modelled."""
        if not self._allowed(call.worker.function, f"scheduler:{call.operation}", call.body["GroupName"]):
            raise ServiceError(403, "AccessDeniedException", f"{call.worker.function} may not {call.operation}")
        match call.operation:
            case "CreateSchedule":
                one = self.once.create(call.body)
                for at in one.fires:
                    self._clock.at(at - EPOCH, self._fire)
                return {"ScheduleArn": f"arn:aws:scheduler:::schedule/{self._group}/{call.body['Name']}"}
            case "DeleteSchedule":
                self.once.delete(call.body["Name"])
                return {}
        raise LookupError(f"the simulation has no {call.operation}; add it to scheduler.py")

    def unheard(self, call: Call) -> None:
        """Nobody asks: what is made fires."""

    def _fire(self) -> None:
        if self._faults.away("scheduler"):
            self._clock.at(self._faults.back("scheduler"), self._fire)
            return
        for one in self.once.due():
            self._deliver(one.sends(), _age(one), since=self._clock.now, attempt=1)

    # What the map has.

    def runs(self, entry: Schedule, queue: QueueEntry, url: str, times: Iterable[float]) -> None:
        """Send a run of the schedule at each of the times, in seconds since the scenario began."""
        for at in times:
            late = self._random.uniform(0, PRECISION + self._faults.plan.tardy)
            copies = 1 + (self._random.random() < self._faults.plan.twice)
            for copy in range(copies):
                self._clock.at(at + late + 60 * copy, lambda at=at: self._run(entry, queue, url, at))  # type: ignore[misc]

    def _run(self, entry: Schedule, queue: QueueEntry, url: str, at: float) -> None:
        if entry.name in self.paused and at >= self.paused[entry.name]:
            return
        if self._faults.away("scheduler"):
            self._clock.at(self._faults.back("scheduler"), lambda: self._run(entry, queue, url, at))
            return
        self.send_run(entry, queue, url, at)

    def send_run(self, entry: Schedule, queue: QueueEntry, url: str, at: float) -> None:
        """Send the run of that time now, as Scheduler or a person does."""
        said = filled(dumps(request(entry, queue, url)), {"scheduled-time": moment(at)})
        self._deliver(said, RETRY_AGE, since=self._clock.now, attempt=1)

    def _deliver(self, said: Mapping[str, Any], oldest: float, *, since: float, attempt: int) -> None:
        queue = self._queues[said["QueueUrl"]]
        if not self._faults.away("sqs"):
            self._came(queue, send(queue, said), said)
        elif self._clock.now - since < oldest:
            pause = min(2.0**attempt, 600) * self._random.uniform(0.5, 1)
            self._clock.after(pause, lambda: self._deliver(said, oldest, since=since, attempt=attempt + 1))
        else:
            self._aside(queue.word, SDK_ERROR, said)


def times(entry: Schedule, until: float) -> list[float]:
    """When a schedule of the map runs until then, in seconds since the scenario began."""
    when = recurrence.recurring(entry.every)
    if not isinstance(when, Cron):
        return [float(at) for at in range(int(when.seconds), int(until), int(when.seconds))]
    found: list[float] = []
    for run in when.after(datetime.fromtimestamp(EPOCH, UTC), recurrence.zone(entry.timezone)):
        at = run.timestamp() - EPOCH
        if at >= until:
            break
        found.append(at)
    return found


def moment(at: float) -> str:
    """That time of a scenario, as Scheduler writes it."""
    return datetime.fromtimestamp(EPOCH + at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _age(one: OneTime) -> float:
    return float(one.target.get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", RETRY_AGE))
