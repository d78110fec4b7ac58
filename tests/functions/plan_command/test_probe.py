"""While EventBridge Scheduler is away, the function that plans says so when it is asked, and stays paused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.plan_command import handler as planner
from functions.runtime import probe, schedules
from tests.aws.client import Client
from tests.aws.errors import ServiceError
from tests.fixtures import Context
from tests.functions.fakes import refusal
from tests.functions.plan_command.world import World

ASK: dict[str, Any] = {"probe": {}}


class Tables:
    """DynamoDB, which is well."""

    def update_item(self, **_: Any) -> None:
        raise refusal("ConditionalCheckFailedException")


class Scheduler:
    """Raises what it is told to."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def delete_schedule(self, **_: Any) -> None:
        raise self.error


def away(error: Exception, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the function says is away while Scheduler answers so."""
    world = World()
    monkeypatch.setattr(probe, "_client", lambda _: Client("dynamodb", Tables()))
    monkeypatch.setattr(schedules, "make", lambda *_, **__: Client("scheduler", Scheduler(error)))
    with world.as_aws():
        for variable, value in world.told("plan_command").items():
            monkeypatch.setenv(variable, value)
        answer = planner.handler(ASK, Context(30))
    return list(answer["away"])


@pytest.mark.parametrize(
    "error",
    [
        ServiceError(429, "ThrottlingException", "Rate exceeded"),
        ServiceError(500, "InternalServerException", "We are sorry"),
        ServiceError(403, "ExpiredTokenException", "The token is expired"),
        EndpointConnectionError(endpoint_url="https://scheduler.example"),
    ],
)
def test_who_plans_waits_for_scheduler(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = away(error, monkeypatch)
    assert told.startswith("EventBridge Scheduler: ")


def test_a_schedule_that_is_not_there_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert away(ServiceError(404, "ResourceNotFoundException", "There is none"), monkeypatch) == []
