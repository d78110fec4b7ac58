"""One-time schedules of EventBridge Scheduler, whose names say what they are of: made and deleted however often."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from functions.contracts.environment import PlanVariables
from functions.runtime.clients import client
from functions.runtime.errors import Reject

OVER = 3 * 60 * 60
"""Seconds for which Scheduler goes on trying to send a message that SQS does not take."""
ATTEMPTS = 185
"""The most that it knows. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html"""


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
