"""Schedules on this machine: EventBridge Scheduler sends with its role, a run takes effect once, a person decides."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import urllib3

from local.aws import client
from local.effects import Effects, eventually
from local.session import Session
from stacks import names
from tests.flow.timed import operate

EACH = "rate_each_minute"
GROUP = names.resource(names.LOCAL, names.SCHEDULES)


def at(stack: Session, moment: datetime) -> int:
    """Let the emulator's Scheduler look at that time; how many schedules ran."""
    endpoint = stack.state.endpoint
    http = urllib3.PoolManager(ca_certs=endpoint.ca_bundle)
    body = json.dumps({"now": moment.timestamp()})
    answer = http.request("POST", f"{endpoint.url}/_headrace/schedules", body=body, headers=endpoint.pass_header())
    assert answer.status == 200, answer.data
    return int(answer.json()["ran"])


def next_minute(minutes: int = 1) -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=minutes)


def key(moment: datetime, schedule: str = EACH) -> str:
    return f"{schedule}@{moment:%Y-%m-%dT%H:%M:%SZ}"


def test_a_run_is_sent_with_its_time_and_is_one_effect_however_often_it_comes(timed: Session, done: Effects) -> None:
    moment = next_minute(2)
    at(timed, moment)
    assert eventually(lambda: done.item("ratings", key(moment)))
    rating = done.item("ratings", key(moment))
    assert rating == {"run": key(moment), "language": "EN", "at": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}

    told = operate(timed, "schedules", "run", EACH, "--at", f"{moment - timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}")
    assert eventually(lambda: done.item("ratings", key(moment - timedelta(minutes=30))))
    operate(timed, "schedules", "run", EACH, "--at", told["sent"][0])
    assert eventually(lambda: done.depth("rate_tickets") == 0)
    lines = operate(timed, "trace", f"{EACH}@{told['sent'][0]}")
    states = sorted(each["state"] for each in lines["strays"])
    assert states == ["duplicate", "processed"], lines


def test_who_is_paused_sends_none_and_catches_up_what_it_missed(timed: Session, done: Effects) -> None:
    assert operate(timed, "schedules", "pause", EACH)["changed"]
    (shown,) = operate(timed, "schedules", EACH)["planned"]
    assert (shown["state"], shown["next"]) == ("paused", None)
    moment = next_minute(5)
    assert at(timed, moment) == 0
    assert not operate(timed, "schedules", "pause", EACH)["changed"]
    told = operate(timed, "schedules", "resume", EACH)
    assert told["changed"]
    (shown,) = operate(timed, "schedules", EACH)["planned"]
    assert shown["state"] == "on"
    assert at(timed, moment + timedelta(minutes=1)) >= 1, "it goes on"
    assert eventually(lambda: done.item("ratings", key(moment + timedelta(minutes=1))))


def test_everything_planned_is_listed_with_what_is_known_of_it(timed: Session, done: Effects) -> None:
    scheduler = client("scheduler", timed.state.endpoint)
    role = scheduler.get_schedule(GroupName=GROUP, Name=EACH)["Target"]["RoleArn"]
    scheduler.create_schedule(
        GroupName=GROUP,
        Name="later",
        ScheduleExpression="at(2099-01-01T09:00:00)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": role, "Input": "{}"},
    )
    sent = operate(timed, "schedules", "run", "rate_at_six")["sent"][0]
    assert eventually(lambda: done.item("ratings", f"rate_at_six@{sent}"))
    found = {each["name"]: each for each in operate(timed, "schedules")["planned"]}
    assert list(found) == [EACH, "rate_at_six", "rate_never", "later"]
    assert (found["rate_at_six"]["timezone"], found["rate_at_six"]["last"]["outcome"]) == ("Europe/Berlin", "processed")
    assert (found["rate_never"]["state"], found["rate_never"]["next"]) == ("paused", None)
    assert (found["later"]["next"], found["later"]["once"]) == ("2099-01-01T08:00:00Z", True)

    assert "take it out of integration ratings" in operate(timed, "schedules", "cancel", EACH, code=2)["error"]
    operate(timed, "schedules", "cancel", "later")
    assert "later" not in {each["name"] for each in operate(timed, "schedules")["planned"]}


def test_a_run_that_may_not_be_sent_is_kept_and_redriven_as_the_message_it_would_have_been(
    timed: Session, done: Effects
) -> None:
    iam = client("iam", timed.state.endpoint)
    role = names.regional(names.LOCAL, names.SCHEDULES, timed.state.region)
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    allowed = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    _work, dead = allowed["Statement"][0]["Resource"]
    less = {**allowed, "Statement": [{**allowed["Statement"][0], "Resource": [dead]}]}
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(less))
    moment = next_minute(20)
    at(timed, moment)
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(allowed))
    assert not done.item("ratings", key(moment))
    found = operate(timed, "dead", "--queue", "rate_tickets-undelivered")
    assert "AccessDenied" in json.dumps(found), found
    operate(timed, "redrive", "rate_tickets-undelivered", "--yes")
    assert eventually(lambda: done.item("ratings", key(moment)))
