"""What one integration owns is in its stack, whatever feeds it, and stays there until all is drained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from functions.contracts.webhooks import WebhookReceived
from stacks import names
from stacks.entry import Integration, Queue, Route, Subscription, Table, Topology
from stacks.rules import TopologyError
from tests.sample.contracts import OpenTicket
from tests.sample.topology import SAMPLE
from tests.stacks.edge.api import methods
from tests.stacks.templates import Templates, synthesize

TABLE = "AWS::DynamoDB::Table"


def changed(name: str, change: Callable[[Integration], Integration]) -> Topology:
    """The sample with one of its integrations changed."""
    return replace(
        SAMPLE, integrations=tuple(change(each) if each.name == name else each for each in SAMPLE.integrations)
    )


@pytest.mark.parametrize("integration", SAMPLE.integrations, ids=lambda integration: integration.name)
def test_an_integrations_tables_queues_and_functions_are_in_its_own_stack(
    prod: Templates, integration: Integration
) -> None:
    for table in integration.tables:
        assert prod.holder(TABLE, "TableName", names.resource("prod", table.name)) == integration.name
    for queue in integration.queues:
        assert prod.holder("AWS::SQS::Queue", "QueueName", names.queue("prod", queue.name, fifo=queue.fifo)) == (
            integration.name
        )
    for consumer in integration.consumers:
        function = names.resource("prod", consumer.function)
        assert prod.holder("AWS::Lambda::Function", "FunctionName", function) == integration.name
    for secret in integration.secrets():
        assert prod.holder("AWS::SecretsManager::Secret", "Name", names.resource("prod", secret)) == integration.name


def test_every_table_has_its_key_and_expires_only_where_the_topology_says(prod: Templates) -> None:
    for table in SAMPLE.tables:
        found = prod.named(TABLE, "TableName", names.resource("prod", table.name))
        assert [key["AttributeName"] for key in found["KeySchema"]] == [table.key]
        assert ("TimeToLiveSpecification" in found) == table.expires


def test_a_queue_stays_in_its_stack_when_events_feed_it_instead_of_a_route(tmp_path: Path) -> None:
    def by_event(tickets: Integration) -> Integration:
        routes = tuple(route for route in tickets.routes if route.queue != "open_ticket")
        subscription = Subscription(event=WebhookReceived, queue="open_ticket")
        return replace(tickets, routes=routes, subscriptions=(*tickets.subscriptions, subscription))

    def without_delay(tickets: Integration) -> Integration:
        return replace(tickets, routes=tuple(replace(route, delay=False) for route in tickets.routes))

    before = synthesize(tmp_path / "before", "dev", changed("tickets", without_delay))
    after = synthesize(tmp_path / "after", "dev", changed("tickets", by_event))
    assert set(before.stacks) == set(after.stacks)
    was, now = (each.stacks["tickets"]["Resources"] for each in (before, after))
    for kind in ("AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping"):
        moved = {key: each["Properties"] for key, each in was.items() if each["Type"] == kind}
        assert moved
        assert {key: now[key]["Properties"] for key in moved} == moved


def test_a_table_may_have_the_name_of_a_function(tmp_path: Path) -> None:
    def named(tickets: Integration) -> Integration:
        return replace(tickets, tables=(*tickets.tables, Table(name="mail_ticket", key="ticket_id")))

    templates = synthesize(tmp_path, "dev", changed("tickets", named))
    assert templates.named(TABLE, "TableName", names.resource("dev", "mail_ticket"))


def test_an_integration_may_be_empty_or_have_only_tables(tmp_path: Path) -> None:
    kept = Table(name="ledger", key="id")
    topology = Topology(integrations=(Integration("nothing"), Integration("ledgers", tables=(kept,))))
    templates = synthesize(tmp_path, "prod", topology)
    assert "ingress" not in templates.stacks
    assert "nothing" not in templates.stacks  # CloudFormation takes no stack without a resource
    assert [each["TableName"] for each in templates.properties(TABLE, "ledgers")] == [names.resource("prod", "ledger")]


@pytest.fixture(scope="module")
def retired(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(
        tmp_path_factory.mktemp("retired"), "prod", changed("tickets", lambda each: replace(each, retired=True))
    )


def test_a_retired_integrations_routes_and_rules_are_gone(retired: Templates) -> None:
    assert methods(retired).keys() == {"receive_webhook"}, "the others feed no queue"
    assert not retired.properties("AWS::Events::Rule", "tickets")


def test_rules_of_others_stay_on_the_events_of_a_retired_integration(retired: Templates) -> None:
    (rule,) = retired.properties("AWS::Events::Rule", "agents")
    assert rule["Name"] == names.rule("prod", "assign_ticket", "TicketOpened")


def test_a_retired_integrations_queues_functions_and_tables_stay_as_they_are(
    retired: Templates, prod: Templates
) -> None:
    was, now = (each.stacks["tickets"]["Resources"] for each in (prod, retired))
    for kind in ("AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::Lambda::EventSourceMapping", TABLE):
        kept = {key: each for key, each in was.items() if each["Type"] == kind}
        assert kept
        assert {key: now[key] for key in kept} == kept


def test_what_rules_may_do_stays_until_the_integration_goes_because_rules_are_deleted_last(
    retired: Templates, prod: Templates
) -> None:
    policies = prod.properties("AWS::SQS::QueuePolicy", "tickets")
    assert policies
    assert retired.properties("AWS::SQS::QueuePolicy", "tickets") == policies


def test_alarms_still_tell_of_what_is_left_in_a_retired_integration(retired: Templates) -> None:
    alarms = {each["AlarmName"] for each in retired.properties("AWS::CloudWatch::Alarm")}
    for word in (
        "open_ticket-dead-letters",
        "open_ticket-oldest",
        "mail_ticket-undelivered",
        "close_ticket-errors",
    ):
        assert names.resource("prod", word) in alarms
    gone = names.rule("prod", "mail_ticket", "TicketOpened")
    assert not any(name.startswith(gone) for name in alarms)


def test_the_operator_may_still_redrive_what_is_left_in_a_retired_integration(
    retired: Templates, prod: Templates
) -> None:
    def statement(of: Templates, sid: str) -> object:
        (policy,) = of.properties("AWS::IAM::Policy", "operator")
        return next(each for each in policy["PolicyDocument"]["Statement"] if each["Sid"] == sid)

    for sid in ("DeadLetters", "Queues"):
        assert statement(retired, sid) == statement(prod, sid)


def test_a_topology_counts_no_subscription_of_a_retired_integration() -> None:
    assert changed("tickets", lambda each: replace(each, retired=True)).subscriptions == (
        SAMPLE.integration("agents").subscriptions
    )


def test_a_retired_integration_keeps_its_routes_in_the_map_so_that_one_word_brings_it_back() -> None:
    with pytest.raises(TopologyError, match="fed by nothing"):
        changed("tickets", lambda each: replace(each, retired=True, routes=()))


def test_a_queue_is_fed_by_the_route_or_the_event_of_its_own_integration() -> None:
    route = Route(path="/v1/others", accepts=OpenTicket, queue="assign_ticket")
    with pytest.raises(TopologyError, match="integration 'webhooks' does not list"):
        changed("webhooks", lambda each: replace(each, routes=(*each.routes, route)))
    assert Queue(name="assign_ticket") in SAMPLE.queues
