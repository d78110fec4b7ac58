"""EventBridge Scheduler in the emulator: when it sends, as whom, and where it is if that may not be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import urllib3
from botocore.exceptions import ClientError

from local.aws import client
from local.emulator import Emulator
from tests.local.roles import acting, allow, arn, make, trusting

SEND = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
START = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=12)
"""When a run is due that comes by itself in no test, however long the tests before it take."""


def at(emulator: Emulator, moment: datetime) -> None:
    """Let Scheduler look at that time."""
    endpoint = emulator.endpoint
    http = urllib3.PoolManager(ca_certs=endpoint.ca_bundle)
    body = json.dumps({"now": moment.timestamp()})
    answer = http.request("POST", f"{endpoint.url}/_headrace/schedules", body=body, headers=endpoint.pass_header())
    assert answer.status == 200


class Planned:
    """A group with one schedule, its role and its queues."""

    def __init__(self, emulator: Emulator, *allowed: str, trusted: str = "") -> None:
        self.name = f"s{uuid4().hex[:8]}"
        self.scheduler, self.sqs = (client(each, emulator.endpoint) for each in ("scheduler", "sqs"))
        self.scheduler.create_schedule_group(Name=self.name)
        group = arn("scheduler", f"schedule-group/{trusted or self.name}")
        may = [allow("sqs:SendMessage", arn("sqs", f"{self.name}-{each}")) for each in allowed]
        trust = trusting("scheduler.amazonaws.com", StringEquals={"aws:SourceArn": group})
        self.role = make(emulator, *may, trust=trust, name=self.name)
        self.urls = {
            each: self.sqs.create_queue(QueueName=f"{self.name}-{each}")["QueueUrl"] for each in ("work", "dead")
        }

    def says(self, expression: str, **more: Any) -> dict[str, Any]:
        said = {
            "QueueUrl": self.urls["work"],
            "MessageBody": "at <aws.scheduler.scheduled-time>",
            "MessageAttributes": {"run": {"DataType": "String", "StringValue": "<aws.scheduler.scheduled-time>"}},
        }
        dead = {"Arn": arn("sqs", f"{self.name}-dead")}
        target = {"Arn": SEND, "RoleArn": self.role, "Input": json.dumps(said), "DeadLetterConfig": dead}
        return {
            "GroupName": self.name,
            "Name": "one",
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": target,
            **more,
        }

    def received(self, queue: str) -> list[dict[str, Any]]:
        asked = {"QueueUrl": self.urls[queue], "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        return list(self.sqs.receive_message(**asked).get("Messages", []))


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def test_a_cron_sends_each_run_once_with_its_time_in_its_zone(emulator: Emulator) -> None:
    planned = Planned(emulator, "work")
    hour = f"{(START + timedelta(hours=5, minutes=30)).hour}"
    minute = f"{(START + timedelta(hours=5, minutes=30)).minute}"
    planned.scheduler.create_schedule(
        **planned.says(f"cron({minute} {hour} * * ? *)", ScheduleExpressionTimezone="Asia/Kolkata")
    )
    at(emulator, START - timedelta(seconds=1))
    assert planned.received("work") == []
    at(emulator, START)
    at(emulator, START)
    (message,) = planned.received("work")
    assert message["Body"] == f"at {iso(START)}"
    assert message["MessageAttributes"]["run"]["StringValue"] == iso(START)
    planned.scheduler.delete_schedule(GroupName=planned.name, Name="one")


def test_one_that_runs_once_goes_when_it_ran_and_a_paused_one_sends_none(emulator: Emulator) -> None:
    planned = Planned(emulator, "work")
    when = f"at({START:%Y-%m-%dT%H:%M:%S})"
    planned.scheduler.create_schedule(**planned.says(when, ActionAfterCompletion="DELETE"))
    planned.scheduler.create_schedule(**planned.says(when, State="DISABLED") | {"Name": "two"})
    at(emulator, START)
    assert len(planned.received("work")) == 1
    names = [each["Name"] for each in planned.scheduler.list_schedules(GroupName=planned.name)["Schedules"]]
    assert names == ["two"]


@pytest.mark.parametrize(
    ("allowed", "trusted", "code"),
    [(("dead",), "", "AccessDenied"), (("work", "dead"), "others", "AWS.Scheduler.InternalServerError")],
    ids=["may not send", "trusts another group"],
)
def test_what_the_role_may_not_send_is_in_the_schedules_dlq(
    emulator: Emulator, allowed: tuple[str, ...], trusted: str, code: str
) -> None:
    planned = Planned(emulator, *allowed, trusted=trusted)
    planned.scheduler.create_schedule(**planned.says(f"at({START:%Y-%m-%dT%H:%M:%S})"))
    at(emulator, START)
    assert planned.received("work") == []
    (dead,) = planned.received("dead")
    told = {name: each["StringValue"] for name, each in dead["MessageAttributes"].items()}
    assert (told["ERROR_CODE"], told["SCHEDULED_TIME"]) == (code, iso(START))
    assert told["SCHEDULE_ARN"].endswith(f"schedule/{planned.name}/one")
    assert json.loads(dead["Body"])["MessageBody"] == f"at {iso(START)}"


def test_who_changes_a_schedule_needs_that_on_it_and_may_pass_its_role(emulator: Emulator) -> None:
    planned = Planned(emulator, "work")
    planned.scheduler.create_schedule(**planned.says("cron(0 0 1 1 ? *)"))
    on = [arn("scheduler", f"schedule/{planned.name}/*")]
    update = [allow(f"scheduler:{each}Schedule", *on) for each in ("Get", "Update")]
    passing = allow("iam:PassRole", planned.role, StringEquals={"iam:PassedToService": "scheduler.amazonaws.com"})
    changed = planned.says("cron(0 0 1 1 ? *)", State="DISABLED")
    acting(emulator, *update, passing)("scheduler").update_schedule(**changed)
    assert planned.scheduler.get_schedule(GroupName=planned.name, Name="one")["State"] == "DISABLED"
    for lacking in (update, [update[0], passing]):
        with pytest.raises(ClientError, match="AccessDenied"):
            acting(emulator, *lacking)("scheduler").update_schedule(**changed)
    elsewhere = allow("scheduler:GetSchedule", arn("scheduler", "schedule/default/*"))
    with pytest.raises(ClientError, match="AccessDenied"):
        acting(emulator, elsewhere)("scheduler").get_schedule(GroupName=planned.name, Name="one")


def test_schedules_are_listed_by_pages_and_a_group_that_is_not_there_is_an_error(emulator: Emulator) -> None:
    planned = Planned(emulator, "work")
    for number in range(3):
        planned.scheduler.create_schedule(**planned.says("cron(0 0 1 1 ? *)") | {"Name": f"n{number}"})
    first = planned.scheduler.list_schedules(GroupName=planned.name, MaxResults=2)
    rest = planned.scheduler.list_schedules(GroupName=planned.name, MaxResults=2, NextToken=first["NextToken"])
    assert [each["Name"] for each in (*first["Schedules"], *rest["Schedules"])] == ["n0", "n1", "n2"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        planned.scheduler.list_schedules(GroupName="nobodys")
