"""What the bus, its rules and its archive promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from stacks import names, settings
from stacks.entry import Subscription
from stacks.fanout import Fanout
from stacks.topology import TOPOLOGY
from tests.stacks.templates import Templates, context, statements

SUBSCRIPTIONS = pytest.mark.parametrize("subscription", TOPOLOGY.subscriptions, ids=lambda entry: entry.name)


def rule(templates: Templates, subscription: Subscription) -> Any:
    name = names.rule("prod", subscription.queue, subscription.event.__name__)
    return templates.named("AWS::Events::Rule", "Name", name)


@SUBSCRIPTIONS
def test_a_rule_takes_source_and_detail_type_from_the_contract(prod: Templates, subscription: Subscription) -> None:
    pattern = rule(prod, subscription)["EventPattern"]
    assert pattern["source"] == [subscription.event.source]
    assert pattern["detail-type"] == [subscription.event.__name__]
    assert ("detail" in pattern) == bool(subscription.filter)


@SUBSCRIPTIONS
def test_an_event_that_cannot_be_delivered_is_retried_a_day_and_then_kept(
    prod: Templates, subscription: Subscription
) -> None:
    (target,) = rule(prod, subscription)["Targets"]
    resources = prod.stacks["fanout"]["Resources"]
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
    resources = prod.stacks["fanout"]["Resources"]
    (found,) = [rule for rule in prod.resources("AWS::Events::Rule") if rule["Properties"]["Name"] == name]
    assert [resources[logical]["Type"] for logical in found["DependsOn"]] == ["AWS::SQS::QueuePolicy"] * 2


def test_only_the_queues_own_rules_of_this_account_may_send_to_it(prod: Templates) -> None:
    allows = [
        statement
        for policy in prod.properties("AWS::SQS::QueuePolicy", "fanout")
        for statement in statements(policy)
        if statement["Effect"] == "Allow"
    ]
    assert len(allows) == 2 * len(TOPOLOGY.subscribers())
    for statement in allows:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert "aws:SourceArn" in statement["Condition"]["ArnEquals"]


def test_the_bus_has_no_policy_that_lets_others_in(prod: Templates) -> None:
    assert not prod.properties("AWS::Events::EventBusPolicy")


def test_the_archive_keeps_the_days_of_its_stage_and_the_local_stage_has_none(
    prod: Templates, local: Templates
) -> None:
    (archive,) = prod.properties("AWS::Events::Archive")
    assert archive["RetentionDays"] == 90
    assert not local.properties("AWS::Events::Archive")


def test_a_filter_matches_the_data_of_the_envelope(tmp_path: Path) -> None:
    first, *others = TOPOLOGY.subscriptions
    narrowed = replace(TOPOLOGY, subscriptions=(replace(first, filter={"currency": ["EUR"]}), *others))
    app = App(context=context("dev"), outdir=str(tmp_path))
    stack = Fanout(app, settings=settings.read("dev", context("dev")["stages"]), topology=narrowed)
    rules = Template.from_stack(stack).find_resources("AWS::Events::Rule")
    patterns = [found["Properties"]["EventPattern"] for found in rules.values()]
    assert [pattern["detail"] for pattern in patterns if "detail" in pattern] == [{"data": {"currency": ["EUR"]}}]
