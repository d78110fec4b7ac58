"""What `ops replay` plans and asks for, against EventBridge as AWS documents it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from botocore.stub import ANY, Stubber

from functions.contracts.contract import Event
from ops.cli import replay as commands
from ops.replay.subscriber import subscriptions
from ops.stage import Stage
from stacks import names
from stacks.entry import Subscription, Topology
from tests.ops.replay.eventbridge import DAY, PLACE, EventBridge
from tests.ops.replay.typed import BUS, PREFIX, RULE, counts, replay
from tests.sample.contracts import TicketClosed, TicketOpened
from tests.sample.topology import SAMPLE


def test_without_yes_it_says_what_would_be_and_changes_nothing(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch, m0=0, m1=70)
    done = replay("mail_ticket", "--from", "2h", "--to", "1h")
    assert done.exit_code == 0, done.output
    assert "Would replay to mail_ticket, by no rule but its own, what happened from" in done.stdout
    assert f"TicketOpened by rule {RULE}" in done.stdout
    assert "About 70 events, by CloudWatch's counts" in done.stdout, "a new rule has no count of its own"
    assert f"Archive {BUS} keeps 1,234 events in all, 56,789 bytes, each for 7 days;" in done.stdout
    assert "Nothing was changed: say --yes" in done.stdout
    assert not aws.calls("StartReplay")
    assert not Path(aws.stage.files / "audit.jsonl").exists()


def test_with_yes_the_rules_of_the_subscriber_get_it_and_it_is_on_record(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch)
    done = replay("close_ticket", "--from", "2026-01-01T00:00:00Z", "--yes")
    assert done.exit_code == 0, done.output
    (asked,) = aws.calls("StartReplay")
    rules = [names.rule("cloud", "close_ticket", event) for event in ("TicketAssigned", "TicketChanged")]
    assert asked["Destination"] == {
        "Arn": f"{PLACE}:event-bus/{BUS}",
        "FilterArns": [f"{PLACE}:rule/{BUS}/{rule}" for rule in rules],
    }
    assert asked["EventSourceArn"] == f"{PLACE}:archive/{BUS}"
    week_ago = datetime.now(UTC) - timedelta(days=7)
    assert abs(asked["EventStartTime"] - week_ago.timestamp()) < 120, "what is forgotten is not asked for"
    assert "nothing from before" in done.stdout
    assert "it keeps 7 days" in done.stdout
    assert f"{asked['ReplayName']} is done" in done.stdout
    assert asked["ReplayName"].startswith(PREFIX)
    records = [json.loads(line) for line in (aws.stage.files / "audit.jsonl").read_text().splitlines()]
    assert [(each["action"], each["queue"], each["id"]) for each in records] == [
        ("replay", "close_ticket", asked["ReplayName"])
    ] * 2
    assert records[0]["asked"]["rules"] == rules
    assert records[1]["result"]["state"] == "COMPLETED"
    assert len(aws.stage.client("dynamodb").scan(TableName="redrives")["Items"]) == 2


def test_one_event_of_several_can_be_asked_for(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch, m0=3)
    done = replay("close_ticket", "--from", "2h", "--event", "TicketChanged", "--yes", "--json")
    told = json.loads(done.stdout)
    assert (told["acted"], told["state"], told["events"]) == (True, "COMPLETED", ["TicketChanged"])
    assert told["estimate"] == {"about": 3, "most": 3, "basis": ANY}
    assert [arn.rpartition("/")[2] for arn in aws.calls("StartReplay")[0]["Destination"]["FilterArns"]] == told["rules"]


@pytest.mark.parametrize("prefix", ["", names.resource("local", "")])
def test_a_subscription_is_called_as_its_alarms_and_its_rule_are(
    aws: EventBridge, cloudwatch: Stubber, prefix: str
) -> None:
    heard = subscriptions(SAMPLE, "local", f"{prefix}close_ticket-on-TicketChanged")
    assert [each.name for each in heard] == ["close_ticket on TicketChanged"]
    counts(cloudwatch)
    done = replay("close_ticket-on-TicketAssigned", "--from", "2h", "--json")
    assert json.loads(done.stdout)["rules"] == [names.rule("cloud", "close_ticket", "TicketAssigned")]


def test_what_was_counted_of_all_is_an_upper_bound_for_a_filter(
    cloud: Stage, aws: EventBridge, cloudwatch: Stubber
) -> None:
    tickets, agents, webhooks, _ = SAMPLE.integrations
    (only,) = agents.subscriptions
    narrow = replace(agents, subscriptions=(replace(only, filter={"language": ["EN"]}),))
    topology = replace(SAMPLE, integrations=(tickets, narrow, webhooks))
    object.__setattr__(cloud, "topology", topology)
    counts(cloudwatch, m0=70, m1=5)
    done = replay("assign_ticket", "--from", "2h", topology=topology)
    assert "About 5 events, up to about 70, by CloudWatch" in done.stdout


@pytest.mark.parametrize(
    ("start", "size"), [("2h", 60), ("3d", 300), ("20d", 3600)], ids=["minutes", "five minutes", "hours"]
)
def test_long_periods_are_counted_by_coarser_figures(
    cloud: Stage, cloudwatch: Stubber, monkeypatch: pytest.MonkeyPatch, start: str, size: int
) -> None:
    monkeypatch.setattr(commands, "opened", lambda _: cloud)
    EventBridge(cloud, days=None)
    asked: list[dict[str, Any]] = []
    cloud.client("cloudwatch").meta.events.register(
        "provide-client-params.cloudwatch.GetMetricData", lambda params, **_: asked.append(params)
    )
    counts(cloudwatch)
    assert replay("mail_ticket", "--from", start).exit_code == 0
    assert {each["MetricStat"]["Period"] for each in asked[0]["MetricDataQueries"]} == {size}
    assert asked[0]["StartTime"].timestamp() % size == asked[0]["EndTime"].timestamp() % size == 0


def test_without_counts_it_says_why_and_goes_on(aws: EventBridge, cloudwatch: Stubber) -> None:
    cloudwatch.add_client_error("get_metric_data", "AccessDenied", "not yours")
    done = replay("mail_ticket", "--from", "2h")
    assert done.exit_code == 0
    assert "How many events that is could not be counted: GetMetricData was refused: not yours" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mail_tickets",), "No subscriber is called 'mail_tickets'. Did you mean mail_ticket? Stage local has: mail_"),
        (("open_ticket",), "No subscriber is called 'open_ticket'."),
        (("",), "No subscriber is called ''."),
        (("mail_ticket", "--event", "TicketClosed"), "does not subscribe to 'TicketClosed', but to: TicketOpened"),
        (("mail_ticket", "--event", ""), "does not subscribe to ''"),
        (("mail_ticket", "--to", "3h"), "nothing happened between"),
        (("mail_ticket", "--to", "1w"), "--to: '1w' is no span of time"),
        (
            ("close_ticket-on-TicketChanged", "--event", "TicketAssigned"),
            "is the subscription to TicketChanged alone: say close_ticket with --event TicketAssigned",
        ),
    ],
)
def test_what_makes_no_sense_is_one_sentence(aws: EventBridge, arguments: tuple[str, ...], words: str) -> None:
    done = replay(*arguments, "--from", "2h")
    assert done.exit_code == 2
    assert words in done.stderr
    told = replay(*arguments, "--from", "2h", "--json")
    assert words in json.loads(told.stdout)["error"]


class TheirTicketOpened(TicketOpened, frozen=True, kw_only=True):
    """A ticket of another project."""

    source: ClassVar[str] = "billing.tickets"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"retired": True}, "integration agents, which is retired"),
        (
            {"subscriptions": (Subscription(event=TheirTicketOpened, queue="assign_ticket", bus="billing-events"),)},
            "comes to assign_ticket from bus billing-events, so it is in the archive of that bus",
        ),
    ],
    ids=["retired", "another project's"],
)
def test_what_our_archive_cannot_reach_is_refused(aws: EventBridge, change: dict[str, Any], words: str) -> None:
    tickets, agents, webhooks, _ = SAMPLE.integrations
    topology = replace(SAMPLE, integrations=(tickets, replace(agents, **change), webhooks))
    done = replay("assign_ticket", "--from", "2h", topology=topology)
    assert (done.exit_code, words in done.stderr) == (2, True), done.output


def test_mails_that_nobody_remembers_are_sent_again_only_by_force(
    cloud: Stage, aws: EventBridge, cloudwatch: Stubber
) -> None:
    assert aws.archive is not None
    aws.archive["RetentionDays"] = 0
    done = replay("mail_ticket", "--from", "25d", "--yes")
    assert done.exit_code == 2
    assert "mail_ticket knows for 22 days which e-mails it sent" in done.stderr
    assert not aws.calls("StartReplay")
    counts(cloudwatch)
    done = replay("mail_ticket", "--from", "25d", "--force")
    assert (done.exit_code, "it mails again, if it ever did" in done.stdout) == (0, True)
    counts(cloudwatch)
    assert replay("mail_ticket", "--from", "21d").exit_code == 0
    counts(cloudwatch)
    assert "keeps records in closings, whose items expire" in replay("close_ticket", "--from", "2h").stdout


@pytest.mark.parametrize("state", ["DISABLED", None])
def test_a_rule_that_brings_nothing_is_refused(aws: EventBridge, state: str | None) -> None:
    if state is None:
        del aws.rules[RULE]
    else:
        aws.rules[RULE] = state
    done = replay("mail_ticket", "--from", "2h", "--yes")
    assert done.exit_code == 2
    assert ("is disabled, so a replay would bring nothing" if state else "does not exist") in done.stderr
    assert not aws.calls("StartReplay")


def test_what_the_archive_does_not_have_is_refused(aws: EventBridge) -> None:
    done = replay("mail_ticket", "--from", "20d", "--to", "8d")
    assert (done.exit_code, "it keeps 7 days" in done.stderr) == (2, True)
    assert aws.archive is not None
    aws.archive["CreationTime"] += 30 * DAY - 3600
    done = replay("mail_ticket", "--from", "5h", "--to", "2h")
    assert (done.exit_code, "it began then" in done.stderr) == (2, True)
    aws.archive = None
    done = replay("mail_ticket", "--from", "2h")
    assert (done.exit_code, "give it archive_days in cdk.json" in done.stderr) == (2, True)


def test_where_all_counts_are_nothing_nobody_counted(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch, m0=0, m1=0)
    done = replay("mail_ticket", "--from", "2h")
    assert "How many events that is nobody counted" in done.stdout
    assert "About" not in done.stdout
    counts(cloudwatch, m0=0, m1=4)
    done = replay("close_ticket", "--from", "2h")
    assert "About 4 events" in done.stdout
    assert "TicketAssigned no rule counted" in done.stdout


def test_another_projects_bus_is_neither_counted_nor_passed_over_in_silence(
    cloud: Stage, aws: EventBridge, cloudwatch: Stubber
) -> None:
    tickets, agents, webhooks, _ = SAMPLE.integrations
    theirs = Subscription(event=TheirTicketOpened, queue="assign_ticket", bus="billing-events")
    more = replace(agents, subscriptions=(*agents.subscriptions, theirs))
    topology = replace(SAMPLE, integrations=(tickets, more, webhooks))
    object.__setattr__(cloud, "topology", topology)
    asked: list[Any] = []
    cloud.client("cloudwatch").meta.events.register(
        "provide-client-params.cloudwatch.GetMetricData", lambda params, **_: asked.append(params)
    )
    counts(cloudwatch, m0=3)
    done = replay("assign_ticket", "--from", "2h", topology=topology)
    assert done.exit_code == 0, done.output
    assert "TheirTicketOpened comes to assign_ticket from bus billing-events" in done.stdout
    assert len(asked[0]["MetricDataQueries"]) == 2, "mail_ticket's and its own"
    done = replay(
        "assign_ticket", "--from", "2h", "--event", "TheirTicketOpened", "--event", "TicketOpened", topology=topology
    )
    assert (done.exit_code, "ask its owner" in done.stderr) == (2, True), done.output


def test_an_archive_that_is_not_at_work_or_not_up_to_date_is_said(aws: EventBridge, cloudwatch: Stubber) -> None:
    assert aws.archive is not None
    counts(cloudwatch)
    said = replay("mail_ticket", "--from", "2h", "--to", "1h").stdout
    assert "ten minutes" not in said
    assert "The archive is" not in said
    aws.archive |= {"State": "UPDATE_FAILED", "StateReason": "the key is gone"}
    counts(cloudwatch)
    said = replay("mail_ticket", "--from", "2h").stdout
    assert "What happened in the last ten minutes may not be in the archive yet" in said
    assert "The archive is UPDATE_FAILED: the key is gone." in said


def mailed(event: type[Event]) -> Topology:
    """The sample, in which mail_ticket hears of that event too."""
    tickets, agents, webhooks, _ = SAMPLE.integrations
    more = replace(tickets, subscriptions=(*tickets.subscriptions, Subscription(event=event, queue="mail_ticket")))
    return replace(SAMPLE, integrations=(more, agents, webhooks))


def test_whom_what_is_done_anew_goes_on_to_is_said_and_a_forgetful_mailer_among_them_needs_force(
    cloud: Stage, aws: EventBridge, cloudwatch: Stubber
) -> None:
    topology = mailed(TicketClosed)
    object.__setattr__(cloud, "topology", topology)
    assert aws.archive is not None
    aws.archive["RetentionDays"] = 0
    counts(cloudwatch)
    done = replay("close_ticket", "--from", "2h", topology=topology)
    assert done.exit_code == 0, done.output
    assert "What close_ticket does anew it tells again, which goes on to mail_ticket." in done.stdout
    done = replay("close_ticket", "--from", "25d", "--yes", topology=topology)
    assert done.exit_code == 2, done.output
    assert "goes on to mail_ticket, which knows for 22 days which e-mails it sent" in done.stderr
    assert not aws.calls("StartReplay")
    counts(cloudwatch)
    done = replay("close_ticket", "--from", "25d", "--force", topology=topology)
    assert (done.exit_code, "goes on to mail_ticket, which knows for 22 days" in done.stdout) == (0, True)
    counts(cloudwatch)
    assert "goes on to" not in replay("mail_ticket", "--from", "2h", topology=topology).stdout


def test_what_waits_until_a_mail_is_forgotten_is_said_with_the_day(aws: EventBridge, cloudwatch: Stubber) -> None:
    assert aws.archive is not None
    aws.archive["RetentionDays"] = 0
    counts(cloudwatch)
    done = replay("mail_ticket", "--from", "5d")
    day = datetime.now(UTC) - timedelta(days=5) + timedelta(days=22)
    assert f"From {day:%Y-%m-%d %H:%M} on mail_ticket forgets which e-mails it sent" in done.stdout
    counts(cloudwatch)
    assert "forgets which" not in replay("mail_ticket", "--from", "3d").stdout, "none waits that long"
