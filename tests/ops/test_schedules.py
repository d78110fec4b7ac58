"""What a person sees and changes of schedules, against a Scheduler that keeps what it is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.contracts.run import Run
from ops import retire
from ops.errors import OpsError, UsageError
from ops.schedules import change, planned
from ops.schedules.group import Group
from ops.stage import Stage
from stacks import names
from stacks.entry import Queue, Schedule, Topology
from stacks.parts.schedules import request
from tests.functions.fakes import refusal
from tests.sample.scheduled import SCHEDULED

EACH, SIX, NEVER = "rate_each_minute", "rate_at_six", "rate_never"
NOW = datetime(2026, 11, 26, 18, 0, 30, tzinfo=UTC)
GROUP = names.resource("prod", names.SCHEDULES)
URL = f"https://sqs.eu-west-1.amazonaws.com/1/{names.queue('prod', 'rate_tickets')}"


@dataclass
class Scheduler:
    """Keeps schedules by name; `page` is how many it lists at once."""

    there: dict[str, dict[str, Any]] = field(default_factory=dict)
    page: int = 2
    refuses: str | None = None

    def list_schedules(self, *, GroupName: str, MaxResults: int, NextToken: str = "0") -> Any:  # noqa: N803
        assert (GroupName, MaxResults) == (GROUP, 100)
        if self.refuses:
            raise refusal(self.refuses)
        start = int(NextToken)
        every = sorted(self.there)
        more = {"NextToken": str(start + self.page)} if len(every) > start + self.page else {}
        return {"Schedules": [{"Name": name} for name in every[start : start + self.page]], **more}

    def get_schedule(self, *, GroupName: str, Name: str) -> Any:  # noqa: N803
        assert GroupName == GROUP
        if Name not in self.there:
            raise refusal("ResourceNotFoundException")
        return {"GroupName": GROUP, "Name": Name, "ResponseMetadata": {}, **self.there[Name]}

    def update_schedule(self, **said: Any) -> Any:
        assert said.keys() >= {"ScheduleExpression", "FlexibleTimeWindow", "Target", "State"}
        kept = self.there[said["Name"]]
        assert {**said, "State": ""} == {**{k: v for k, v in kept.items() if k in said}, **_ids(said), "State": ""}
        self.there[said["Name"]] = {**kept, "State": said["State"], "LastModificationDate": NOW}
        return {}

    def delete_schedule(self, *, GroupName: str, Name: str) -> Any:  # noqa: N803
        if self.there.pop(Name, None) is None:
            raise refusal("ResourceNotFoundException")
        return {}


def _ids(said: dict[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in ("Name", "GroupName")}


@dataclass
class Sqs:
    sent: list[dict[str, Any]] = field(default_factory=list)
    breaks_after: int | None = None

    def get_queue_url(self, *, QueueName: str) -> Any:  # noqa: N803
        return {"QueueUrl": URL.rpartition("/")[0] + "/" + QueueName}

    def send_message(self, **said: Any) -> Any:
        if self.breaks_after is not None and len(self.sent) >= self.breaks_after:
            raise refusal("ServiceUnavailable")
        self.sent.append(said)
        return {"MessageId": f"id-{len(self.sent)}"}

    def keys(self) -> list[str]:
        return [each["MessageAttributes"]["idempotency_key"]["StringValue"] for each in self.sent]


class Tables:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def put_item(self, **said: Any) -> Any:
        self.records.append(said["Item"])
        return {}


class Logs:
    def __init__(self, *lines: dict[str, Any]) -> None:
        self.lines = lines
        self.asked: list[dict[str, Any]] = []

    def start_query(self, **said: Any) -> Any:
        self.asked.append(said)
        return {"queryId": "q"}

    def get_query_results(self, **_: Any) -> Any:
        return {
            "status": "Complete",
            "results": [[{"field": "@message", "value": json.dumps(line)}] for line in self.lines],
        }


class Sts:
    def get_caller_identity(self) -> Any:
        return {"Arn": "arn:aws:iam::1:user/somebody"}


@dataclass
class World:
    stage: Stage
    scheduler: Scheduler
    sqs: Sqs
    tables: Tables


def deployed(entry: Schedule, **changes: Any) -> dict[str, Any]:
    return {
        "ScheduleExpression": entry.every,
        "ScheduleExpressionTimezone": entry.timezone,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "DISABLED" if entry.paused else "ENABLED",
        "Description": "",
        "LastModificationDate": NOW - timedelta(days=1),
        "Target": {"Arn": "arn", "RoleArn": "role", "Input": json.dumps(request(entry, Queue(name=entry.queue), URL))},
        **changes,
    }


def world(home: Path, topology: Topology = SCHEDULED, logs: Any = None) -> World:
    scheduler = Scheduler({entry.name: deployed(entry) for entry in topology.schedules})
    sqs, tables = Sqs(), Tables()
    clients = {"scheduler": scheduler, "sqs": sqs, "dynamodb": tables, "logs": logs or Logs(), "sts": Sts()}
    session: Any = None
    stage = Stage("prod", "eu-west-1", None, topology, session, clients, home=home)
    return World(stage, scheduler, sqs, tables)


def line(run: str, outcome: str, second: int = 1, schedule: str = SIX) -> dict[str, Any]:
    told = {"level": "INFO", "message": outcome, "timestamp": f"2026-11-26T06:00:{second:02}.000Z", "attempt": 1}
    return {**told, "service": "rate_tickets", "correlation_id": f"{schedule}@{run}", "message_id": "m"}


def test_everything_is_listed_with_next_run_and_last_outcome(tmp_path: Path) -> None:
    logs = Logs(
        line("2026-11-25T05:00:00Z", "processed"),
        line("2026-11-26T05:00:00Z", "retried", 1),
        line("2026-11-26T05:00:00Z", "processed", 9),
    )
    there = world(tmp_path, logs=logs)
    later = {"ScheduleExpression": "at(2026-12-24T18:00:00)", "ScheduleExpressionTimezone": "America/New_York"}
    there.scheduler.there["zz_later"] = {**deployed(SCHEDULED.schedules[0]), **later}
    found = {each.name: each for each in planned.plans(there.stage, since=0, now=NOW).planned}
    assert list(found) == [EACH, SIX, NEVER, "zz_later"]
    assert found[EACH].next == datetime(2026, 11, 26, 18, 1, tzinfo=UTC)
    assert found[SIX].next == datetime(2026, 11, 27, 5, 0, tzinfo=UTC), "six in Berlin, in winter"
    assert found[SIX].last == planned.Last("2026-11-26T05:00:00Z", "processed", "2026-11-26T06:00:09.000Z")
    assert (found[NEVER].state, found[NEVER].next, found[NEVER].within) == ("paused", None, None)
    assert (found["zz_later"].next, found["zz_later"].once) == (datetime(2026, 12, 24, 23, 0, tzinfo=UTC), True)
    assert (found["zz_later"].queue, found["zz_later"].integration) == ("rate_tickets", None)
    (asked,) = logs.asked
    assert asked["logGroupNames"] == [names.log_group("prod", "rate_tickets")]


def test_of_a_rate_only_scheduler_knows_the_next_run(tmp_path: Path) -> None:
    there = world(tmp_path)
    there.scheduler.there[NEVER]["State"] = "ENABLED"
    (found,) = planned.plans(there.stage, since=0, only=NEVER, now=NOW).planned
    assert (found.next, found.within) == (None, 3600)


def test_what_is_not_deployed_yet_is_said_and_so_is_what_the_logs_do_not_tell(tmp_path: Path) -> None:
    class Closed(Logs):
        def start_query(self, **_: Any) -> Any:
            raise refusal("AccessDeniedException")

    there = world(tmp_path, logs=Closed())
    del there.scheduler.there[SIX]
    found = planned.plans(there.stage, since=0, now=NOW)
    assert {each.name: each.state for each in found.planned}[SIX] == "not deployed"
    assert found.remark is not None
    assert "is not known" in found.remark


def test_a_stage_without_a_group_has_nothing_planned(tmp_path: Path) -> None:
    there = world(tmp_path, Topology())
    there.scheduler.refuses = "ResourceNotFoundException"
    assert planned.plans(there.stage, since=0).planned == []
    there.scheduler.refuses = "AccessDeniedException"
    with pytest.raises(OpsError, match="AccessDenied"):
        planned.plans(there.stage, since=0)


def test_one_time_schedules_beyond_what_is_shown_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = world(tmp_path)
    for number in range(5):
        there.scheduler.there[f"zz-{number}"] = deployed(
            SCHEDULED.schedules[0], ScheduleExpression="at(2027-01-01T00:00:00)"
        )
    monkeypatch.setattr(planned, "MOST", 5)
    found = planned.plans(there.stage, since=0, now=NOW)
    assert ([each.name for each in found.planned][3:], found.more) == (["zz-0", "zz-1"], 3)


def test_a_pause_changes_the_state_and_nothing_else_and_is_on_record(tmp_path: Path) -> None:
    there = world(tmp_path)
    assert change.pause(there.stage, EACH).changed
    assert there.scheduler.there[EACH]["State"] == "DISABLED"
    assert not change.pause(there.stage, EACH).changed
    assert {record["action"]["S"] for record in there.tables.records} == {"pause"}
    assert there.tables.records[-1]["who"]["S"] == "arn:aws:iam::1:user/somebody"


def paused_for(there: World, minutes: int) -> None:
    there.scheduler.there[EACH] |= {"State": "DISABLED", "LastModificationDate": NOW - timedelta(minutes=minutes)}


def test_who_is_resumed_catches_up_each_run_once_with_its_own_time_and_key(tmp_path: Path) -> None:
    there = world(tmp_path)
    paused_for(there, 3)
    done = change.resume(there.stage, EACH, NOW)
    times = ["2026-11-26T17:58:00Z", "2026-11-26T17:59:00Z", "2026-11-26T18:00:00Z"]
    assert (done.sent, done.left) == (times, 0)
    assert there.sqs.keys() == [f"{EACH}@{time}" for time in times]
    (first, *_) = there.sqs.sent
    assert json.loads(first["MessageBody"]) == {"language": "EN", "at": times[0]}
    assert first["MessageAttributes"]["run"]["StringValue"] == f"{EACH} {times[0]}"
    assert there.scheduler.there[EACH]["State"] == "ENABLED"
    assert not change.resume(there.stage, EACH).changed


def test_what_is_sent_by_a_person_is_what_scheduler_would_send(tmp_path: Path) -> None:
    there = world(tmp_path)
    paused_for(there, 1)
    change.resume(there.stage, EACH, NOW)
    (sent,) = there.sqs.sent
    entry = next(each for each in SCHEDULED.schedules if each.name == EACH)
    theirs = json.dumps(request(entry, Queue(name=entry.queue), URL))
    assert sent == json.loads(theirs.replace("<aws.scheduler.scheduled-time>", "2026-11-26T18:00:00Z"))


def test_more_than_a_hundred_missed_runs_are_the_latest_hundred_and_it_says_so(tmp_path: Path) -> None:
    there = world(tmp_path)
    paused_for(there, 130)
    done = change.resume(there.stage, EACH, NOW)
    assert (len(done.sent), done.left) == (100, 30)
    assert done.sent[-1] == "2026-11-26T18:00:00Z"


def test_who_does_not_catch_up_sends_none(tmp_path: Path) -> None:
    there = world(tmp_path)
    there.scheduler.there[SIX] |= {"State": "DISABLED", "LastModificationDate": NOW - timedelta(days=9)}
    assert change.resume(there.stage, SIX, NOW).sent == []
    assert there.sqs.sent == []


def test_one_that_is_interrupted_while_it_catches_up_is_still_paused_and_may_be_resumed_again(tmp_path: Path) -> None:
    there = world(tmp_path)
    paused_for(there, 3)
    there.sqs.breaks_after = 2
    with pytest.raises(OpsError):
        change.resume(there.stage, EACH, NOW)
    assert there.scheduler.there[EACH]["State"] == "DISABLED"
    there.sqs.breaks_after = None
    change.resume(there.stage, EACH, NOW)
    assert sorted(set(there.sqs.keys())) == sorted(there.sqs.keys()[2:]), "again with the same keys"


def test_a_run_now_has_a_key_of_its_own_and_is_not_skipped(tmp_path: Path) -> None:
    there = world(tmp_path)
    first, second = change.run(there.stage, SIX), change.run(there.stage, SIX, "2026-11-26T06:00:00+01:00")
    assert second.sent == ["2026-11-26T05:00:00Z"]
    assert there.sqs.keys() == [f"{SIX}@{first.sent[0]}", f"{SIX}@2026-11-26T05:00:00Z"]
    assert "." in first.sent[0], "no run of the schedule's own has a part of a second"
    runs = [Run.of(each["MessageAttributes"]["run"]["StringValue"]) for each in there.sqs.sent]
    assert [one is not None and one.skips for one in runs] == [False, False]


def test_to_a_fifo_queue_goes_its_group_and_a_deduplication_id(tmp_path: Path) -> None:
    (ratings,) = SCHEDULED.integrations
    fifo = replace(
        ratings,
        queues=(Queue(name="rate_tickets", fifo=True),),
        schedules=(replace(ratings.schedules[0], group="all"),),
    )
    there = world(tmp_path, Topology(package="tests.sample", integrations=(fifo,)))
    change.run(there.stage, EACH, "2026-11-26T06:00:00Z")
    (sent,) = there.sqs.sent
    assert (sent["MessageGroupId"], sent["MessageDeduplicationId"]) == ("all", f"{EACH}@2026-11-26T06:00:00Z")


def test_one_that_runs_once_is_cancelled_and_no_other(tmp_path: Path) -> None:
    there = world(tmp_path)
    there.scheduler.there |= {
        "later": deployed(SCHEDULED.schedules[0], ScheduleExpression="at(2027-01-01T00:00:00)"),
        "foreign": deployed(SCHEDULED.schedules[0]),
    }
    change.cancel(there.stage, "later")
    assert "later" not in there.scheduler.there
    with pytest.raises(UsageError, match="is in the map: take it out of integration ratings and deploy"):
        change.cancel(there.stage, EACH)
    with pytest.raises(UsageError, match="runs again and again"):
        change.cancel(there.stage, "foreign")
    with pytest.raises(UsageError, match="There is no schedule 'foregn'"):
        change.cancel(there.stage, "foregn")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("rate_at_sx", "There is no schedule 'rate_at_sx'. Did you mean rate_at_six"),
        ("later", "later runs once: `cancel` ends it."),
        ("foreign", "foreign is not in the map: deploy it."),
        (SIX, "does not exist in eu-west-1: deploy stage prod there first."),
    ],
)
def test_what_cannot_be_paused_says_why(tmp_path: Path, name: str, why: str) -> None:
    there = world(tmp_path)
    del there.scheduler.there[SIX]
    there.scheduler.there |= {
        "later": deployed(SCHEDULED.schedules[0], ScheduleExpression="at(2027-01-01T00:00:00)"),
        "foreign": deployed(SCHEDULED.schedules[0]),
    }
    with pytest.raises(UsageError) as refused:
        change.pause(there.stage, name)
    assert why in str(refused.value)


@pytest.mark.parametrize("at", ["tomorrow", "2026-11-26T06:00:00", "2999-01-01T00:00:00Z"])
def test_a_time_that_is_none_or_yet_to_come_is_refused(tmp_path: Path, at: str) -> None:
    with pytest.raises(UsageError, match="--at is"):
        change.run(world(tmp_path).stage, SIX, at)


def test_a_retired_integration_is_not_drained_while_a_schedule_of_it_is_there(tmp_path: Path) -> None:
    there = world(tmp_path)
    (ratings,) = SCHEDULED.integrations
    assert [*retire._scheduled(there.stage, ratings)] == [EACH, SIX, NEVER]
    there.scheduler.refuses = "ResourceNotFoundException"
    assert [*retire._scheduled(there.stage, ratings)] == []


@pytest.mark.parametrize(
    ("target", "queue"),
    [
        ({"Arn": "arn:aws:sqs:eu-west-1:1:somewhere"}, "somewhere"),
        (
            {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": json.dumps({"QueueUrl": URL})},
            URL.rpartition("/")[2],
        ),
        ({"Arn": "arn:aws:lambda:eu-west-1:1:function:f", "Input": "no JSON"}, None),
    ],
)
def test_which_queue_a_schedule_feeds(tmp_path: Path, target: dict[str, Any], queue: str | None) -> None:
    there = world(tmp_path)
    there.scheduler.there["other"] = deployed(SCHEDULED.schedules[0], Target=target)
    found = Group(there.stage).get("other")
    assert found is not None
    assert found.queue == queue
