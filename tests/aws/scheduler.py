"""EventBridge Scheduler's one-time schedules: what it refuses, when they fire, and what they send then.

A schedule fires within its minute, now and then twice or later, and is gone after that.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.aws.errors import ServiceError

NAME = re.compile(r"[0-9A-Za-z_.-]{1,64}")
ONCE = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
LARGEST_INPUT = 256 * 1024
"""Bytes of what a schedule sends. https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html"""
OLDEST, MOST_RETRIES = range(60, 86_401), range(186)
"""What a retry policy may say. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html"""
PRECISION = 59
"""Seconds after the minute within which a schedule fires."""
OWN = re.compile(r"<aws\.scheduler\.(schedule-arn|scheduled-time|execution-id|attempt-number)>")
"""Words that Scheduler puts its own values into, wherever they stand.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""

Fields = Mapping[str, Any]


def check(operation: str, request: Fields) -> None:
    """Refuse what Scheduler does not take, whenever it is. Raises `ServiceError`."""
    name = str(request.get("Name", ""))
    if not NAME.fullmatch(name):
        raise _invalid(f"{name!r} is no name of a schedule")
    if operation != "CreateSchedule":
        return
    target = request["Target"]
    if len(target["Input"].encode()) > LARGEST_INPUT:
        raise _invalid("The input is larger than 256 KB")
    policy = target.get("RetryPolicy", {})
    if policy.get("MaximumEventAgeInSeconds", 60) not in OLDEST:
        raise _invalid("MaximumEventAgeInSeconds is 60 to 86,400")
    if policy.get("MaximumRetryAttempts", 0) not in MOST_RETRIES:
        raise _invalid("MaximumRetryAttempts is 0 to 185")
    if not ONCE.fullmatch(request["ScheduleExpression"]):
        raise LookupError("the model has one-time schedules only; add others to tests/aws/scheduler.py")


def filled(said: str, values: Mapping[str, str]) -> Any:
    """What is sent, Scheduler's own words filled in with `values`, by name."""
    return json.loads(OWN.sub(lambda found: values.get(found[1], found[1]), said))


@dataclass
class OneTime:
    """A schedule, in epoch seconds: the time that it is for, and those at which it fires."""

    at: float
    target: Fields
    fires: list[float]

    def sends(self) -> Any:
        """The request that it makes of its target."""
        time = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return filled(self.target["Input"], {"scheduled-time": time})


class Schedules:
    """Those that wait, by name. `twice` is the chance that one fires twice, `late` how many seconds late it may be.

    That a time that is past is refused, nobody has seen of AWS: whoever asks must not depend on it.
    """

    def __init__(self, now: Callable[[], float], random: Random, *, twice: float = 0.2, late: float = 0) -> None:
        self.waiting: dict[str, OneTime] = {}
        self._now = now
        self._random = random
        self._twice = twice
        self._late = late

    def create(self, request: Fields) -> OneTime:
        """Make one. Raises `ServiceError`."""
        check("CreateSchedule", request)
        name, expression = request["Name"], request["ScheduleExpression"]
        if name in self.waiting:
            raise ServiceError(409, "ConflictException", f"Schedule {name} already exists.")
        assert request["ActionAfterCompletion"] == "DELETE", "the model forgets a schedule that has fired"
        assert request["FlexibleTimeWindow"] == {"Mode": "OFF"}, "the model has no flexible windows"
        assert request["ScheduleExpressionTimezone"] == "UTC", "the model has no other zone"
        found = ONCE.fullmatch(expression)
        assert found
        at = datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp()
        if at <= self._now():
            raise _invalid(f"{expression} is past")
        fires = [at + self._random.uniform(0, PRECISION + self._late)]
        if self._random.random() < self._twice:
            fires.append(fires[0] + self._random.uniform(0, 300))
        one = self.waiting[name] = OneTime(at, request["Target"], fires)
        return one

    def delete(self, name: str) -> None:
        """Forget it. Raises `ServiceError` if there is none."""
        if self.waiting.pop(name, None) is None:
            raise ServiceError(404, "ResourceNotFoundException", f"Schedule {name} does not exist.")

    def due(self) -> list[OneTime]:
        """Those that fire now, once each; after its last time one is gone."""
        now, found = self._now(), []
        for name, one in list(self.waiting.items()):
            while one.fires and one.fires[0] <= now:
                one.fires.pop(0)
                found.append(one)
            if not one.fires:
                self.waiting.pop(name, None)
        return found

    def next_due(self) -> float | None:
        """When the next one fires; None if none waits."""
        return min((one.fires[0] for one in self.waiting.values()), default=None)


def _invalid(message: str) -> ServiceError:
    return ServiceError(400, "ValidationException", message)
