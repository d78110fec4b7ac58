"""One-time schedules of EventBridge Scheduler, whose names say what they are of: made and deleted however often."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from functions.contracts.environment import DAY, PlanVariables
from functions.runtime.clients import client, make
from functions.runtime.errors import Reject

OVER = DAY
"""Seconds for which Scheduler goes on trying to send a message that SQS does not take: the most that it knows."""
ATTEMPTS = 185
"""The same. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html"""


PATIENCE = 2.0
"""Seconds that Scheduler may take to answer a probe."""


def create(name: str, at: str, said: str, variables: PlanVariables) -> None:
    """Have Scheduler send the message `said` at the minute `at`, and forget the schedule then; once for each name.

    Raises `Reject` for what Scheduler refuses for good.
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
    """
    target = {
        "Arn": variables.target,
        "RoleArn": variables.role,
        "Input": said,
        "DeadLetterConfig": {"Arn": variables.undelivered},
        "RetryPolicy": {"MaximumEventAgeInSeconds": OVER, "MaximumRetryAttempts": ATTEMPTS},
    }
    more: dict[str, Any] = {"KmsKeyArn": variables.key} if variables.key else {}
    try:
        client("scheduler").create_schedule(
            Name=name,
            GroupName=variables.group,
            ScheduleExpression=at,
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target=target,
            **more,
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ValidationException":
            raise Reject(f"EventBridge Scheduler refused the plan: {error}") from error
        if code != "ConflictException":
            raise


def delete(name: str, variables: PlanVariables) -> None:
    """Delete the schedule, if it is there."""
    try:
        client("scheduler").delete_schedule(Name=name, GroupName=variables.group)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def probe(variables: PlanVariables) -> None:
    """Ask Scheduler for what changes nothing: to delete a schedule that nobody makes. Raises what is not its answer."""
    try:
        one = make("scheduler", attempts=1, read=PATIENCE)
        one.delete_schedule(Name="probe", GroupName=variables.group)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
