"""What a map may say of schedules, and what becomes of them in a stage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from msgspec import Meta

from functions.contracts.contract import Command
from functions.contracts.environment import table_variable
from functions.contracts.run import SCHEDULED_TIME, Run
from stacks import names
from stacks.entry import Access, Consumer, Integration, Queue, Route, Schedule, Table, Topology, TopologyError
from tests.sample.contracts import ChangeTicket, OpenTicket, RateTickets
from tests.sample.scheduled import SCHEDULED
from tests.stacks.templates import KEY, Templates, synthesize

SCHEDULE, GROUP = "AWS::Scheduler::Schedule", "AWS::Scheduler::ScheduleGroup"
GOOD = Schedule(name="rate", queue="rate_tickets", sends=RateTickets(language="EN"), every="cron(0 6 ? * MON-FRI *)")
(RATINGS,) = SCHEDULED.integrations


class Keyed(Command, frozen=True, kw_only=True):
    business_key: ClassVar[str | None] = "month"
    month: Annotated[str, Meta(max_length=40)]


def topology(*schedules: Schedule, **changes: Any) -> Topology:
    ratings = replace(RATINGS, **{"schedules": schedules} | changes)
    return Topology(package="tests.sample", integrations=(ratings,))


CHANGE = ChangeTicket(ticket_id="tic-1", step=1, note="On time.")
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a bad name", {"name": "Rate-Tickets"}, "Schedule 'Rate-Tickets': a name is at most 40 characters"),
    ("a name that is a verb", {"name": "pause"}, "Schedule 'pause': `ops schedules` takes that for what to do"),
    ("no such queue", {"queue": "nobody"}, "feeds queue 'nobody', which integration 'ratings' does not list"),
    ("a bad zone", {"timezone": "Mars/Olympus"}, "'Mars/Olympus' is no time zone"),
    ("a bad cron", {"every": "cron(0 6 * * * *)"}, "Schedule 'rate': one of day of the month"),
    ("a cron that never runs", {"every": "cron(0 0 30 2 ? *)"}, "never runs, as there is no such date"),
    ("one time", {"every": "at(2027-01-01T00:00:00)"}, "is one time, and a schedule runs again and again"),
    ("a window of more than a day", {"window": 1441}, "window is 1441 minutes; choose 0 to 1,440."),
    ("a window below zero", {"window": -1}, "window is -1 minutes"),
    (
        "a window longer than the interval",
        {"every": "rate(5 minutes)", "window": 6},
        "is longer than the 5 from one run",
    ),
    ("an overlap that is none", {"overlap": "maybe"}, "overlap is 'maybe'; choose 'queue' or 'skip'."),
    ("a rate that catches up", {"every": "rate(1 hour)", "catch_up": True}, "write a cron, or drop catch_up"),
    ("skipping what was caught up", {"overlap": "skip", "catch_up": True}, "drop one of the two"),
    ("no command", {"sends": RateTickets}, "sends is no command"),
    ("a payload that breaks its contract", {"sends": RateTickets(language="english")}, "does not fit its own contract"),
    ("a payload that is too long", {"sends": Keyed(month="x")}, "is told apart by its month"),
    ("a group of a standard queue", {"group": "all"}, "has a group, but queue 'rate_tickets' is standard"),
    ("a field of the path", {"sends": CHANGE}, "takes ticket_id from its message group"),
]


@pytest.mark.parametrize(("changes", "sentence"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_a_schedule_that_makes_no_sense_is_one_sentence_that_names_it(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TopologyError) as refused:
        topology(replace(GOOD, **changes))
    assert sentence in str(refused.value)
    assert str(refused.value).startswith(f"Schedule {changes.get('name', 'rate')!r}")
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(TopologyError, match="Schedule 'rate' is listed twice"):
        topology(GOOD, GOOD)


def test_a_fifo_queue_wants_a_group_and_gets_it() -> None:
    fifo = {"queues": (Queue(name="rate_tickets", fifo=True),)}
    with pytest.raises(TopologyError, match="without a group; set group"):
        topology(GOOD, **fifo)
    with pytest.raises(TopologyError, match="none of 1 to 128"):
        topology(replace(GOOD, group="two words"), **fifo)
    topology(replace(GOOD, group="all"), **fifo)
    topology(replace(GOOD, sends=CHANGE, group="tic-1"), **fifo)
    with pytest.raises(TopologyError, match="with the group 'tic-1'"):
        topology(replace(GOOD, sends=CHANGE, group="tic-2"), **fifo)


def test_a_queue_gets_one_command_whoever_sends_it() -> None:
    route = Route(path="/v1/ratings", accepts=OpenTicket, queue="rate_tickets")
    told = "gets OpenTicket by Route POST /v1/ratings and RateTickets by Schedule '.*', and its consumer accepts one"
    with pytest.raises(TopologyError, match=told):
        topology(GOOD, routes=(route,))
    topology(GOOD, routes=(replace(route, accepts=RateTickets),))


def test_a_business_key_that_names_the_run_is_another_effect_each_time() -> None:
    topology(replace(GOOD, sends=Keyed(month=f"of {SCHEDULED_TIME}")))


def test_a_body_of_more_than_scheduler_sends_is_refused() -> None:
    class Long(Command, frozen=True, kw_only=True):
        text: str

    with pytest.raises(TopologyError, match="longer than what Scheduler sends"):
        topology(replace(GOOD, sends=Long(text="x" * 260_000)))


def test_a_table_of_the_name_of_ours_is_refused() -> None:
    with pytest.raises(TopologyError, match="Table 'schedule_runs' is there for all integrations"):
        topology(GOOD, tables=(*RATINGS.tables, Table(name="schedule_runs", key="id")))


def test_the_time_of_a_run_is_filled_in_wherever_it_stands() -> None:
    entry = replace(GOOD, sends=RateTickets(language="EN", at=f"at {SCHEDULED_TIME}"))
    assert json.loads(entry.body("2026-11-26T06:00:00Z")) == {"language": "EN", "at": "at 2026-11-26T06:00:00Z"}


@pytest.mark.parametrize("run", [Run("rate", "2026-11-26T06:00:00Z"), Run("rate", "2026-11-26T06:00:00.123Z", True)])
def test_a_run_is_read_as_it_was_written(run: Run) -> None:
    assert Run.of(run.attributes()["run"]) == run
    assert run.at % 1000 == (123 if run.skips else 0)


@pytest.mark.parametrize("said", ["", "rate", "rate yesterday", "rate 2026-11-26T06:00:00Z often"])
def test_what_names_no_run_is_none(said: str) -> None:
    assert Run.of(said) is None


# What a stage has of it


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("scheduled"), "prod", SCHEDULED)


def found(templates: Templates, name: str) -> dict[str, Any]:
    return dict(templates.named(SCHEDULE, "Name", name))


def request(templates: Templates, name: str) -> dict[str, Any]:
    """What Scheduler sends, the queue's URL put in."""
    (parts,) = found(templates, name)["Target"]["Input"].values()
    told = parts[1] if isinstance(parts, list) else parts
    return dict(json.loads("".join(part if isinstance(part, str) else "URL" for part in told)))


def test_a_schedule_says_when_by_whose_clock_and_within_which_window(there: Templates) -> None:
    six, never = found(there, "rate_at_six"), found(there, "rate_never")
    assert (six["ScheduleExpression"], six["ScheduleExpressionTimezone"]) == (
        "cron(0 6 ? * MON-FRI *)",
        "Europe/Berlin",
    )
    assert six["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    assert never["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert (six["State"], never["State"]) == ("ENABLED", "DISABLED")
    assert six["GroupName"] == names.resource("prod", names.SCHEDULES)


def test_a_run_travels_with_its_correlation_its_key_and_its_name(there: Templates) -> None:
    said = request(there, "rate_at_six")
    assert said["MessageBody"] == '{"language":"DE"}'
    assert {name: each["StringValue"] for name, each in said["MessageAttributes"].items()} == {
        "correlation_id": f"rate_at_six@{SCHEDULED_TIME}",
        "idempotency_key": f"rate_at_six@{SCHEDULED_TIME}",
        "run": f"rate_at_six {SCHEDULED_TIME} skip",
    }
    assert request(there, "rate_each_minute")["MessageAttributes"]["run"]["StringValue"].endswith("time>")


def test_a_fifo_queue_gets_group_and_deduplication_id(tmp_path: Path) -> None:
    fifo = topology(replace(GOOD, group="all"), queues=(Queue(name="rate_tickets", fifo=True),))
    said = request(synthesize(tmp_path, "prod", fifo), "rate")
    assert (said["MessageGroupId"], said["MessageDeduplicationId"]) == ("all", f"rate@{SCHEDULED_TIME}")


def test_what_could_not_be_sent_is_tried_for_a_day_and_then_kept(there: Templates) -> None:
    target = found(there, "rate_at_six")["Target"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    name = names.target_dead_letter_queue("prod", "rate_tickets")
    dead = there.named("AWS::SQS::Queue", "QueueName", name)
    assert dead["MessageRetentionPeriod"] == 14 * 86_400
    assert there.holder("AWS::SQS::Queue", "QueueName", name) == "ratings"
    assert "Undelivered" in json.dumps(target["DeadLetterConfig"])


def scheduler_statements(templates: Templates) -> list[dict[str, Any]]:
    (policy,) = (
        each for each in templates.properties("AWS::IAM::Policy", "shared") if "ScheduleGroup" in each["PolicyName"]
    )
    return list(policy["PolicyDocument"]["Statement"])


def test_the_role_may_send_to_the_queues_of_schedules_only_and_only_the_stages_group_takes_it(
    there: Templates, tmp_path: Path
) -> None:
    (statement,) = scheduler_statements(there)
    assert statement["Action"] == "sqs:SendMessage"
    told = [json.dumps(each).rstrip('"]}').rpartition(":")[2] for each in statement["Resource"]]
    assert told == [names.queue("prod", "rate_tickets"), names.target_dead_letter_queue("prod", "rate_tickets")]
    (role,) = (r for r in there.properties("AWS::IAM::Role", "shared") if "schedules" in json.dumps(r.get("RoleName")))
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    group = names.resource("prod", names.SCHEDULES)
    assert f":schedule-group/{group}" in json.dumps(trust["Condition"]["StringEquals"]["aws:SourceArn"])
    sealed = scheduler_statements(synthesize(tmp_path, "prod", SCHEDULED, customer_key=KEY))
    assert sealed[1] == {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Effect": "Allow", "Resource": KEY}


def test_who_has_no_schedule_has_no_group_no_role_no_table_and_no_permission(prod: Templates) -> None:
    # What there is of Scheduler is that of delays, which this map has: tests/stacks/test_plans.py.
    assert [each["Name"] for each in prod.properties(GROUP)] == [names.resource("prod", names.PLANS)]
    assert not [*prod.properties(SCHEDULE)]
    roles = json.dumps([*prod.properties("AWS::IAM::Role"), *prod.properties("AWS::IAM::Policy")])
    assert names.resource("prod", names.SCHEDULES) not in roles
    assert names.resource("prod", names.PLANS) in roles
    tables = [each["TableName"] for each in prod.properties("AWS::DynamoDB::Table")]
    assert names.resource("prod", names.SCHEDULE_RUNS) not in tables


def test_the_table_of_runs_is_there_for_whom_overlap_matters_and_for_nobody_else(
    there: Templates, tmp_path: Path
) -> None:
    name = names.resource("prod", names.SCHEDULE_RUNS)
    assert there.holder("AWS::DynamoDB::Table", "TableName", name) == "shared"
    function = there.named("AWS::Lambda::Function", "FunctionName", names.resource("prod", "rate_tickets"))
    assert function["Environment"]["Variables"][table_variable(names.SCHEDULE_RUNS)] == name
    queued = synthesize(tmp_path, "prod", topology(GOOD))
    assert name not in [each["TableName"] for each in queued.properties("AWS::DynamoDB::Table")]
    assert name not in json.dumps([*queued.properties("AWS::Lambda::Function"), *queued.properties("AWS::IAM::Policy")])


def test_a_retired_integration_has_no_schedule_and_keeps_what_could_not_be_sent(tmp_path: Path) -> None:
    retired = topology(GOOD, retired=True)
    templates = synthesize(tmp_path, "prod", retired)
    assert not [*templates.properties(SCHEDULE)]
    templates.named("AWS::SQS::Queue", "QueueName", names.target_dead_letter_queue("prod", "rate_tickets"))
    assert "scheduler:ListSchedules" in json.dumps([*templates.properties("AWS::IAM::Policy", "operator")]), (
        "for retire"
    )
    assert [*templates.properties(GROUP)], "until its stack is gone, the shared one keeps the group"


def alarm(templates: Templates, word: str) -> dict[str, Any]:
    return dict(templates.named("AWS::CloudWatch::Alarm", "AlarmName", names.resource("prod", word)))


def test_a_schedule_that_failed_and_one_that_did_not_run_call_somebody(there: Templates) -> None:
    failed = json.dumps(alarm(there, "schedules-schedule-failed"))
    for count in ("TargetErrorCount", "InvocationDroppedCount", "InvocationsFailedToBeSentToDeadLetterCount"):
        assert count in failed
    silent = alarm(there, "rate_tickets-not-run")
    assert silent["EvaluationPeriods"] == silent["DatapointsToAlarm"] == 14, "an hour, a minute and what is on its way"
    assert silent["TreatMissingData"] == "notBreaching", "the time before it was deployed is no alarm"
    assert alarm(there, "rate_tickets-unsent")["MetricName"] == "ApproximateNumberOfMessagesVisible"


@pytest.mark.parametrize(
    ("every", "seconds"),
    [("rate(1 day)", 90_000), ("cron(0 6 ? * MON-FRI *)", 262_800), ("cron(0 6 1 * ? *)", None)],
)
def test_did_not_run_is_as_long_as_cloudwatch_looks_back(tmp_path: Path, every: str, seconds: int | None) -> None:
    templates = synthesize(tmp_path, "prod", topology(replace(GOOD, every=every)))
    alarms = [each for each in templates.properties("AWS::CloudWatch::Alarm") if "not-run" in each["AlarmName"]]
    if seconds is None:
        assert not alarms, "a month is more than seven days"
        return
    (one,) = alarms
    period = next(each["MetricStat"]["Period"] for each in one["Metrics"] if "MetricStat" in each)
    assert period == 3600
    assert seconds <= one["EvaluationPeriods"] * period <= 7 * 86_400


def test_who_operates_may_change_schedules_of_the_stage_and_pass_their_role_to_scheduler_only(there: Templates) -> None:
    statements = {
        each["Sid"]: each
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for policy in there.properties(kind, "operator")
        for each in policy["PolicyDocument"]["Statement"]
    }
    schedules = statements["Schedules"]
    assert schedules["Action"] == [f"scheduler:{each}Schedule" for each in ("Delete", "Get", "Update")]
    assert f":schedule/{names.resource('prod', names.SCHEDULES)}/*" in json.dumps(schedules["Resource"])
    passed = statements["ScheduleRole"]
    assert passed["Action"] == "iam:PassRole"
    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    assert names.resource("prod", names.SCHEDULES) in json.dumps(passed["Resource"])
    undelivered = names.target_dead_letter_queue("prod", "rate_tickets")
    assert undelivered in json.dumps(statements["DeadLetters"]["Resource"])


def test_a_queue_may_be_fed_by_a_schedule_and_nothing_else() -> None:
    alone = Integration(
        "alone",
        queues=(Queue(name="rate_tickets"),),
        consumers=(Consumer(function="rate_tickets", access=(Access(table="ratings", actions=("PutItem",)),)),),
        tables=(Table(name="ratings", key="run"),),
        schedules=(GOOD,),
    )
    assert [*Topology(package="tests.sample", integrations=(alone,)).scheduled()] == ["rate_tickets"]
