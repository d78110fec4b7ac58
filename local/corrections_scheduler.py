"""EventBridge Scheduler: when schedules run, what they send, as whom, and where it is if that may not be.

Part of `local/corrections.py`, in the emulator's process, which by itself knows no time zones, no universal target, no
context attributes, no role and no dead-letter queue, and looks every ten seconds.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/what-is-scheduler.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import (
    get_account_id,
    get_region,
    new_uuid,
    set_request_account_id,
    set_request_region,
)
from ministack.services import eventbridge, iam, scheduler, sqs
from ministack.services.cloudformation import provisioners

from local.corrections_services import may, service_may_assume
from stacks import recurrence
from stacks.recurrence import Once, Rate, Unreadable

Answer = Any
Record = dict[str, Any]

LOOKS = 1
"""Seconds between two looks."""
SEND = ":scheduler:::aws-sdk:sqs:sendMessage"
PAGE = 100
PROPERTIES = (
    *("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target", "State", "Description"),
    *("StartDate", "EndDate", "KmsKeyArn", "GroupName"),
)
KIND = "AWS::Scheduler::Schedule"

log = logging.getLogger("scheduler")
following: dict[Any, tuple[str, Iterator[float], float]] = {}
"""By schedule: how it runs, its further runs, and the next one (epoch seconds)."""
looking = threading.Lock()


def look(now: float | None = None) -> int:
    """Run every schedule that is due at that time, each run once; how many ran."""
    now = time.time() if now is None else now
    before, ran = (get_account_id(), get_region()), 0
    with looking:
        evaluator.pin_request_origin("127.0.0.1", True)  # through TLS, as queues ask of whoever sends
        try:
            for key, schedule in list(scheduler._schedules._data.items()):
                set_request_account_id(key[0])
                set_request_region(key[1])
                ran += _run(key, schedule, now)
        finally:
            set_request_account_id(before[0])
            set_request_region(before[1])
    return ran


def _run(key: Any, schedule: Record, now: float) -> int:
    """Send what is due of one schedule; one that runs once and is to be deleted then goes."""
    way = json.dumps([schedule.get(name) for name in ("ScheduleExpression", "ScheduleExpressionTimezone", "State")])
    if schedule.get("State") != "ENABLED":
        following.pop(key, None)
        return 0
    if key not in following or following[key][0] != way:
        runs = _runs(schedule)
        following[key] = way, runs, next(runs, float("inf"))
    ran = 0
    while (planned := following[key][2]) <= now and scheduler._schedules._data.get(key) is schedule:
        runs = following[key][1]
        following[key] = way, runs, next(runs, float("inf"))
        try:
            fire(schedule, f"{datetime.fromtimestamp(planned, UTC):%Y-%m-%dT%H:%M:%SZ}")
        except Exception:
            log.exception("schedule %s did not run", schedule.get("Name"))
        ran += 1
        once = str(schedule.get("ScheduleExpression")).startswith("at(")
        if once and schedule.get("ActionAfterCompletion") == "DELETE":
            scheduler._schedules._data.pop(key, None)
    return ran


def _runs(schedule: Record) -> Iterator[float]:
    """The times of its runs after it was made or changed; a rate's first is then.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    try:
        when = recurrence.read(str(schedule.get("ScheduleExpression")))
        zone = recurrence.zone(schedule.get("ScheduleExpressionTimezone") or "UTC")
    except Unreadable:
        return
    changed = float(schedule["LastModificationDate"])
    start = max(changed, scheduler._to_epoch(schedule.get("StartDate")) or 0)
    end = scheduler._to_epoch(schedule.get("EndDate")) or float("inf")
    if isinstance(when, Rate):
        found: Iterator[float] = (start + number * when.seconds for number in count())
    elif isinstance(when, Once):
        found = iter([when.at.replace(tzinfo=zone).timestamp()])
    else:
        found = (run.timestamp() for run in when.after(datetime.fromtimestamp(start, UTC), zone))
    for run in found:
        if run > end:
            return
        yield run


def fire(schedule: Record, planned: str) -> None:
    """Call the target with its role, the context filled in; else keep the request in the dead-letter queue.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    target = schedule["Target"]
    context = {
        "schedule-arn": schedule["Arn"],
        "scheduled-time": planned,
        "execution-id": new_uuid(),
        "attempt-number": "1",
    }
    said = target.get("Input") or "{}"
    for name, value in context.items():
        said = said.replace(f"<aws.scheduler.{name}>", value)
    if not target["Arn"].endswith(SEND):
        event = {"EventId": context["execution-id"], "Source": "aws.scheduler", "DetailType": "Scheduled Event"}
        event |= {"Detail": "{}", "Time": time.time(), "Resources": [schedule["Arn"]], "Account": get_account_id()}
        eventbridge._invoke_target({**target, "Input": said}, event | {"Region": get_region()}, schedule)
        return
    refusal = _send(schedule, json.loads(said))
    dead = (target.get("DeadLetterConfig") or {}).get("Arn")
    if refusal is None or dead is None or not may(target["RoleArn"], "sqs:SendMessage", dead, "scheduler"):
        return
    code, message = refusal
    told = {
        "ERROR_CODE": code,
        "ERROR_MESSAGE": message,
        "EXECUTION_ID": context["execution-id"],
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULE_ARN": schedule["Arn"],
        "SCHEDULED_TIME": planned,
        "TARGET_ARN": target["Arn"],
    }
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items()}
    url = _queue_name(dead)
    sqs._act_send_message({"QueueUrl": url, "MessageBody": said, "MessageAttributes": attributes}, url)


def _send(schedule: Record, request: Record) -> tuple[str, str] | None:
    """Send the message with the target's role; the code and message with which that is refused, or None."""
    role_arn = schedule["Target"]["RoleArn"]
    role = iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rpartition("/")[2])
    group = scheduler._group_arn(schedule["GroupName"])
    if role is None or not service_may_assume(
        role.get("AssumeRolePolicyDocument", "{}"), "scheduler.amazonaws.com", role_arn, group
    ):
        return "AWS.Scheduler.InternalServerError", "The role cannot be assumed by EventBridge Scheduler."
    arn = f"arn:aws:sqs:{get_region()}:{get_account_id()}:{_queue_name(request['QueueUrl'])}"
    if not may(role_arn, "sqs:SendMessage", arn, "scheduler"):
        return "AccessDenied", f"User: {role_arn} is not authorized to perform: sqs:SendMessage on resource: {arn}"
    try:
        sqs._act_send_message(request, request["QueueUrl"])
    except sqs._Err as error:
        return error.code, error.message
    return None


def _queue_name(address: str) -> str:
    return address.replace(":", "/").rpartition("/")[2]


def list_schedules(query: Record, told: Any = scheduler._list_schedules) -> Answer:
    """List the schedules by pages, those of a group where there is one.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_ListSchedules.html
    """
    group = query.get("ScheduleGroup")
    if group and group not in scheduler._schedule_groups:
        return scheduler._error(404, "ResourceNotFoundException", f"Schedule group {group} does not exist.")
    status, headers, body = told({**query, "MaxResults": "1000000"})
    every = sorted(json.loads(body)["Schedules"], key=lambda each: (each["GroupName"], each["Name"]))
    start, most = int(query.get("NextToken") or 0), min(int(query.get("MaxResults") or PAGE), PAGE)
    answer: Record = {"Schedules": every[start : start + most]}
    if len(every) > start + most:
        answer["NextToken"] = str(start + most)
    return status, headers, json.dumps(answer).encode()


def provision(logical_id: str, properties: Record, stack: str) -> tuple[str, dict[str, str]]:
    """Make the schedule of a template, with all that it says; `Ref` is its name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-scheduler-schedule.html
    """
    name = properties.get("Name") or provisioners._physical_name(stack, logical_id, max_len=64)
    _checked(scheduler._create_schedule(name, _asked(properties)))
    return name, {"Arn": scheduler._schedule_arn(properties.get("GroupName", "default"), name)}


def update(
    name: str, before: Record, after: Record, stack: str, logical_id: str | None = None
) -> tuple[str, dict[str, str]]:
    """Change it in place, and what the template does not say to what Scheduler has by itself."""
    group = after.get("GroupName", "default")
    if after.get("Name") not in (None, name) or group != before.get("GroupName", "default"):
        made = provision(logical_id or name, after, stack)
        provisioners._delete_predecessor(remove, name, before)
        return made
    _checked(scheduler._update_schedule(name, _asked(after)))
    return name, {"Arn": scheduler._schedule_arn(group, name)}


def remove(name: str, properties: Record) -> None:
    """Delete it, if it is there."""
    scheduler._delete_schedule(name, {"groupName": properties.get("GroupName", "default")})


def _asked(properties: Record) -> Record:
    asked = {name: properties[name] for name in PROPERTIES if name in properties}
    window = dict(asked.get("FlexibleTimeWindow") or {"Mode": "OFF"})
    if "MaximumWindowInMinutes" in window:
        window["MaximumWindowInMinutes"] = int(window["MaximumWindowInMinutes"])
    return asked | {"FlexibleTimeWindow": window}


def _checked(answer: Answer) -> None:
    status, _, body = answer
    if status >= 400:
        raise ValueError(f"{KIND}: {json.loads(body).get('Message', body)}")


def correct() -> None:
    """Let schedules run as they say."""
    scheduler._SCHEDULE_TICK_INTERVAL = LOOKS
    scheduler._tick_schedules = look
    scheduler._list_schedules = list_schedules
    provisioners._RESOURCE_HANDLERS[KIND] = {"create": provision, "update": update, "delete": remove}
