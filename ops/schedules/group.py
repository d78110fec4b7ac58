"""The stage's group of schedules in EventBridge Scheduler, and one schedule of it.

https://docs.aws.amazon.com/scheduler/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from botocore.exceptions import ClientError
from msgspec import Struct

from functions.contracts.envelope import PLANNED_FOR
from functions.contracts.plan import Planned
from ops.answer import part
from ops.errors import OpsError
from ops.stage import Stage, in_words
from stacks import names

ABSENT = "ResourceNotFoundException"
State = Literal["ENABLED", "DISABLED"]
_KEPT = (
    *("ActionAfterCompletion", "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "Name"),
    *("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "Target"),
)
"""What an update must say again, or it would be gone."""


class Deployed(Struct, frozen=True):
    """A schedule as Scheduler has it. `every` is its expression; one that runs `once` says at(…)."""

    name: str
    every: str
    timezone: str
    window: int
    state: str
    changed: datetime
    """When it was changed last: where it is paused, when it was."""
    queue: str | None
    """The physical name of the queue that it feeds; None where it feeds none."""
    said: dict[str, Any]
    """All that Scheduler says of it."""

    @property
    def once(self) -> bool:
        """Whether it runs at one time only."""
        return self.every.startswith("at(")

    @property
    def key(self) -> str | None:
        """By what `schedules cancel` knows it, where it was planned by a handler or a request."""
        try:
            attributes = msgspec.json.decode(self.said["Target"]["Input"])["MessageAttributes"]
            planned = Planned.read(attributes[PLANNED_FOR]["StringValue"])
        except (msgspec.DecodeError, KeyError, TypeError):
            return None
        return planned.key if planned else None

    @property
    def paused(self) -> bool:
        """Whether it does not run."""
        return self.state == "DISABLED"


class Group:
    """The group of one stage. What AWS refuses is an `OpsError`."""

    def __init__(self, stage: Stage, word: str = names.SCHEDULES) -> None:
        self._client = stage.client("scheduler")
        self.name = names.resource(stage.name, word)

    def names(self, most: int | None = None, *, prefix: str = "") -> list[str]:
        """The names of all that begin so, in order, or of so many and a few more; none where there is no group."""
        found: list[str] = []
        some = {"NamePrefix": prefix} if prefix else {}
        more: dict[str, str] = {}
        while True:
            with in_words():
                try:
                    answer = self._client.list_schedules(GroupName=self.name, MaxResults=100, **some, **more)
                except ClientError as error:
                    if error.response["Error"]["Code"] == ABSENT:
                        return []
                    raise
            found += [each["Name"] for each in part(answer, "Schedules")]
            if not answer.get("NextToken") or (most is not None and len(found) > most):
                return sorted(found)
            more = {"NextToken": answer["NextToken"]}

    def get(self, name: str) -> Deployed | None:
        """The schedule of that name; None where there is none."""
        with in_words():
            try:
                answer = self._client.get_schedule(GroupName=self.name, Name=name)
            except ClientError as error:
                if error.response["Error"]["Code"] == ABSENT:
                    return None
                raise
        changed = part(answer, "LastModificationDate")
        return Deployed(
            name=name,
            every=part(answer, "ScheduleExpression"),
            timezone=answer.get("ScheduleExpressionTimezone") or "UTC",
            window=int((answer.get("FlexibleTimeWindow") or {}).get("MaximumWindowInMinutes") or 0),
            state=answer.get("State") or "ENABLED",
            changed=changed if isinstance(changed, datetime) else datetime.fromtimestamp(changed, UTC),
            queue=_queue(answer),
            said=answer,
        )

    def turn(self, name: str, state: State) -> None:
        """Let the schedule run, or not, and leave everything else of it as it is. Raises `OpsError` where it is gone.

        It is read right before: an update says all of it, under no condition, so it would take a deployment back.
        https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html
        """
        schedule = self.get(name)
        if schedule is None:
            raise OpsError(f"{name} was deleted meanwhile: look again.")
        kept = {field: schedule.said[field] for field in _KEPT if schedule.said.get(field) not in (None, "")}
        with in_words():
            self._client.update_schedule(**kept | {"GroupName": self.name, "Name": name, "State": state})

    def delete(self, schedule: Deployed) -> None:
        """Delete it. Raises `OpsError` where it ran meanwhile."""
        with in_words():
            try:
                self._client.delete_schedule(GroupName=self.name, Name=schedule.name)
            except ClientError as error:
                if error.response["Error"]["Code"] != ABSENT:
                    raise
                raise OpsError(f"{schedule.name} has run meanwhile, or somebody else cancelled it.") from None


def _queue(answer: dict[str, Any]) -> str | None:
    """The queue of SendMessage as a universal target makes it, or of the target that is made for queues."""
    target = answer.get("Target") or {}
    arn = str(target.get("Arn", ""))
    if ":sqs:" in arn and not arn.endswith(":sqs:sendMessage"):
        return arn.rpartition(":")[2]
    try:
        url = msgspec.json.decode(target.get("Input") or "{}")["QueueUrl"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return str(url).rpartition("/")[2]
