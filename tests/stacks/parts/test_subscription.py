"""How an event reaches a subscriber's queue, and what becomes of it when it cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from functions.contracts.contract import Event
from functions.contracts.envelope import full_source
from stacks import names
from stacks.entry import Integration, Queue, Subscription, Topology
from stacks.monitoring.metrics import of_rule
from tests.sample.contracts import TicketChanged
from tests.sample.topology import SAMPLE
from tests.stacks.templates import Templates, listed, statements, synthesize

SUBSCRIPTIONS = pytest.mark.parametrize("subscription", SAMPLE.subscriptions, ids=lambda entry: entry.name)
THEIR_BUS = "arn:aws:events:eu-central-1:111122223333:event-bus/billing-{stage}-events"


def owner(subscription: Subscription) -> str:
    """The stack that the subscription belongs to."""
    (name,) = [each.name for each in SAMPLE.integrations if subscription in each.subscriptions]
    return name


def rule(templates: Templates, subscription: Subscription) -> Mapping[str, Any]:
    """The properties of the subscription's rule."""
    name = names.rule(templates.stage, subscription.queue, subscription.event.__name__)
    return templates.named("AWS::Events::Rule", "Name", name)


def senders(templates: Templates, stack: str) -> list[Mapping[str, Any]]:
    """What the stack's queue policies allow."""
    return [
        statement
        for policy in templates.properties("AWS::SQS::QueuePolicy", stack)
        for statement in statements(policy)
        if statement["Effect"] == "Allow"
    ]


@SUBSCRIPTIONS
def test_a_rule_takes_source_and_detail_type_from_the_contract(prod: Templates, subscription: Subscription) -> None:
    found = rule(prod, subscription)
    assert found["EventBusName"] == names.resource("prod", names.BUS)
    assert found["EventPattern"] == {
        "source": [full_source(subscription.event.source, names.PROJECT)],
        "detail-type": [subscription.event.__name__],
    }


@SUBSCRIPTIONS
def test_an_event_that_cannot_be_delivered_is_retried_a_day_and_then_kept(
    prod: Templates, subscription: Subscription
) -> None:
    (target,) = rule(prod, subscription)["Targets"]
    resources = prod.stacks[owner(subscription)]["Resources"]
    queue, dead = (
        resources[arn["Fn::GetAtt"][0]]["Properties"] for arn in (target["Arn"], target["DeadLetterConfig"]["Arn"])
    )
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    assert queue["QueueName"] == names.queue("prod", subscription.queue)
    assert dead["QueueName"] == names.target_dead_letter_queue("prod", subscription.queue)
    assert "FifoQueue" not in dead
    assert not {"InputTransformer", "Input", "InputPath"} & target.keys()


@SUBSCRIPTIONS
def test_a_rule_waits_for_the_permission_that_its_events_need(prod: Templates, subscription: Subscription) -> None:
    name = names.rule("prod", subscription.queue, subscription.event.__name__)
    resources = prod.stacks[owner(subscription)]["Resources"]
    (found,) = [rule for rule in prod.resources("AWS::Events::Rule") if rule["Properties"]["Name"] == name]
    assert [resources[logical]["Type"] for logical in found["DependsOn"]] == ["AWS::SQS::QueuePolicy"] * 2


def test_only_a_queues_own_rules_of_this_account_may_send_to_it(prod: Templates) -> None:
    for integration in SAMPLE.integrations:
        fed = {subscription.queue for subscription in integration.subscriptions}
        allowed = senders(prod, integration.name)
        assert len(allowed) == 2 * len(fed)
        for statement in allowed:
            assert statement["Principal"] == {"Service": "events.amazonaws.com"}
            assert statement["Action"] == "sqs:SendMessage"
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
            (source,) = listed(statement["Condition"]["ArnLike"]["aws:SourceArn"])
            bus, rule = json.dumps(source).rstrip('"]}').split("/")[1:]
            assert bus == names.resource("prod", names.BUS)
            assert rule in {names.rule("prod", queue, "*") for queue in fed}


def test_a_queues_policy_stays_the_same_when_a_subscription_goes(tmp_path: Path, prod: Templates) -> None:
    tickets, *others = SAMPLE.integrations
    fewer = replace(
        tickets, subscriptions=tuple(each for each in tickets.subscriptions if each.event is not TicketChanged)
    )
    assert len(fewer.subscriptions) == len(tickets.subscriptions) - 1
    after = synthesize(tmp_path, "prod", replace(SAMPLE, integrations=(fewer, *others)))
    assert senders(after, "tickets") == senders(prod, "tickets")


def test_a_filter_matches_the_data_of_the_envelope(tmp_path: Path) -> None:
    tickets, *others = SAMPLE.integrations
    first, *rest = tickets.subscriptions
    narrowed = replace(tickets, subscriptions=(replace(first, filter={"language": ["EN"]}), *rest))
    templates = synthesize(tmp_path, "dev", replace(SAMPLE, integrations=(narrowed, *others)))
    patterns = [found["EventPattern"] for found in templates.properties("AWS::Events::Rule", "tickets")]
    assert [pattern["detail"] for pattern in patterns if "detail" in pattern] == [{"data": {"language": ["EN"]}}]


class InvoicePaid(Event, frozen=True, kw_only=True):
    """What another project says."""

    source: ClassVar[str] = "billing.invoices"

    ticket_id: str


def foreign(bus: str | None) -> tuple[Topology, Subscription]:
    """A project that hears of another's event, from the other's bus or forwarded to its own."""
    subscription = Subscription(event=InvoicePaid, queue="mail_ticket", bus=bus)
    follower = Integration(
        "letters",
        queues=(Queue(name="mail_ticket"),),
        consumers=(replace(SAMPLE.consumer("mail_ticket"), sends_email=False),),
        subscriptions=(subscription,),
    )
    return Topology(integrations=(follower,), package=SAMPLE.package), subscription


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("theirs"), "prod", foreign(THEIR_BUS)[0])


def test_a_rule_on_another_projects_bus_stands_on_the_bus_of_the_same_stage(theirs: Templates) -> None:
    found = rule(theirs, foreign(THEIR_BUS)[1])
    assert found["EventBusName"] == THEIR_BUS.replace("{stage}", "prod")
    assert found["EventPattern"] == {"source": ["billing.invoices"], "detail-type": ["InvoicePaid"]}


def test_only_the_queues_rules_on_that_bus_may_send_to_the_queue_and_to_its_undelivered_queue(
    theirs: Templates,
) -> None:
    name = names.rule("prod", "mail_ticket", "*")
    arn = f"arn:aws:events:eu-central-1:111122223333:rule/billing-prod-events/{name}"
    found = senders(theirs, "letters")
    assert [listed(each["Condition"]["ArnLike"]["aws:SourceArn"]) for each in found] == [[arn], [arn]]


def test_the_operator_may_read_the_targets_of_a_rule_on_another_projects_bus(theirs: Templates) -> None:
    name = names.rule("prod", "mail_ticket", "InvoicePaid")
    assert f"arn:aws:events:eu-central-1:111122223333:rule/billing-prod-events/{name}" in json.dumps(
        theirs.properties("AWS::IAM::Policy", "operator")
    )


@pytest.mark.parametrize("bus", ["default", "arn:aws:events:eu-central-1:111122223333:event-bus/default"])
def test_a_rule_on_the_default_bus_is_named_without_the_bus(tmp_path: Path, bus: str) -> None:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    topology, subscription = foreign(bus)
    found = synthesize(tmp_path, "prod", topology)
    name = names.rule("prod", "mail_ticket", "InvoicePaid")
    assert rule(found, subscription)["EventBusName"] == bus
    (sources,) = {json.dumps(each["Condition"]["ArnLike"]["aws:SourceArn"]) for each in senders(found, "letters")}
    assert f":rule/{names.rule('prod', 'mail_ticket', '*')}" in sources
    assert f":rule/{name}" in json.dumps(found.properties("AWS::IAM::Policy", "operator"))
    assert of_rule("prod", subscription, "FailedInvocations").dimensions == {"RuleName": name}


def test_alarms_watch_a_rule_on_another_projects_bus_by_that_bus(theirs: Templates) -> None:
    metric = of_rule("prod", foreign(THEIR_BUS)[1], "FailedInvocations")
    assert metric.dimensions["EventBusName"] == "billing-prod-events"
    watched = [
        {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        for alarm in theirs.properties("AWS::CloudWatch::Alarm")
        if alarm.get("Namespace") == "AWS/Events"
    ]
    assert watched
    assert all(dimensions == metric.dimensions for dimensions in watched)


def test_an_event_that_another_project_forwards_to_our_bus_keeps_its_source(tmp_path: Path) -> None:
    topology, subscription = foreign(None)
    found = rule(synthesize(tmp_path, "prod", topology), subscription)
    assert found["EventBusName"] == names.resource("prod", names.BUS)
    assert found["EventPattern"]["source"] == ["billing.invoices"]
