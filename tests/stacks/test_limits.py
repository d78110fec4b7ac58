"""A large project meets AWS's limits at synth, split or in a sentence, and not in the middle of a deployment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnResource, Stack

import app
from stacks import names
from stacks.entry import Access, Consumer, Integration, Queue, Route, Subscription, Table, Topology
from stacks.ingress import Ingress
from stacks.invariants.assembly import Assembly, text
from stacks.invariants.size import policy_size, template_size
from stacks.monitoring.dashboard import METRICS, WIDGETS, dashboards
from stacks.monitoring.queries import GROUPS, queries
from stacks.operator import Operator
from tests.sample.contracts import OpenTicket, TicketOpened
from tests.sample.topology import SAMPLE
from tests.stacks.templates import Templates, context, listed, settings_of, statements, templates_in

SETTINGS = settings_of("prod")


def team(number: int) -> Integration:
    """One of many alike: a route and an event, each with its queue, and a table."""
    routed, told, table = (f"{word}{number}" for word in ("take_ticket", "hear_ticket", "seen"))
    return Integration(
        f"team-{number}",
        routes=(Route(path=f"/v1/teams/t{number}/tickets", accepts=OpenTicket, queue=routed),),
        queues=(Queue(name=routed), Queue(name=told)),
        consumers=(
            Consumer(function=routed, access=(Access(table=table, actions=("PutItem",)),)),
            Consumer(function=told),
        ),
        subscriptions=(Subscription(event=TicketOpened, queue=told),),
        tables=(Table(name=table, key="ticket_id"),),
    )


def project(root: Path, size: int) -> Topology:
    """The sample and many more."""
    teams = tuple(map(team, range(size)))
    for consumer in (*SAMPLE.consumers, *(each for one in teams for each in one.consumers)):
        handler = root / "tests" / "sample" / consumer.function / "handler.py"
        handler.parent.mkdir(parents=True)
        handler.touch()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(names, "ROOT", root)
        return replace(SAMPLE, integrations=(*SAMPLE.integrations, *teams))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Topology:
    return project(tmp_path_factory.mktemp("root"), 60)


def test_a_saved_query_is_split_by_fifty_log_groups_and_numbered_only_then(large: Topology) -> None:
    assert not any(query.name[-1].isdigit() for query in queries(SAMPLE, "prod"))
    saved = queries(large, "prod")
    assert all(1 <= len(query.log_groups) <= GROUPS for query in saved)
    assert len({query.name for query in saved}) == len(saved)
    for name in ("failures", "one request"):
        parts = [query for query in saved if query.name.rstrip("0123456789 ") == name]
        assert [query.name for query in parts] == [f"{name} {number}" for number in range(1, len(parts) + 1)]
        asked = [group for query in parts for group in query.log_groups]
        assert len(asked) == len(set(asked)) == len(large.consumers) + (name == "one request")


def test_a_dashboard_that_is_full_goes_on_in_another(large: Topology) -> None:
    assert len(dashboards(SAMPLE, SETTINGS)) == 1
    pages = [page["widgets"] for page in dashboards(large, SETTINGS)]
    assert len(pages) > 1
    for widgets in pages:
        assert len(widgets) <= WIDGETS
        assert sum(len(widget["properties"].get("metrics", ())) for widget in widgets) <= METRICS
    titles = [widget["properties"].get("title", "") for widgets in pages for widget in widgets]
    lanes = [title.partition(":")[0] for title in titles if title.endswith(": in and out")]
    assert lanes == [queue.name for queue in large.queues]


def test_seventy_routes_are_not_refused(tmp_path: Path) -> None:
    # What they have in common stands in the template once, and once is what CloudFormation counts.
    cdk = App(context=context("prod"), outdir=str(tmp_path / "out"))
    Ingress(cdk, settings=SETTINGS, topology=project(tmp_path, 70 - len(SAMPLE.routes)))
    cdk.synth(skip_validation=True)
    (path,) = (tmp_path / "out").glob("*.template.json")
    assembly = Assembly.read([str(path)])
    assert assembly.sizes == {str(path): path.stat().st_size}
    assert not list(template_size.check(assembly))


def granted(templates: Templates) -> set[tuple[str, str]]:
    """What the operator may do: actions and resources."""
    return {
        (action, text(resource))
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for policy in templates.properties(kind, "operator")
        for statement in statements(policy)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def test_the_operators_permissions_are_as_many_policies_as_it_takes(tmp_path: Path) -> None:
    cdk = App(context=context("prod"), outdir=str(tmp_path / "out"))
    operator = Operator(cdk, settings=SETTINGS, topology=project(tmp_path, 15))
    wanted = {
        (action, text(operator.resolve(resource)))
        for statement in operator._statements()
        for action in statement.actions
        for resource in statement.resources
    }
    cdk.synth(skip_validation=True)
    templates = templates_in(tmp_path / "out", "prod")
    assert granted(templates) == wanted
    assert 1 < len(templates.properties("AWS::IAM::ManagedPolicy")) <= 10, "a role takes ten"
    assert not list(policy_size.check(Assembly(templates.stacks)))


def test_the_alarms_of_an_integration_are_in_its_stack(prod: Templates) -> None:
    for integration in SAMPLE.integrations:
        for queue in integration.queues:
            for kind in ("dead-letters", "errors"):
                alarm = names.resource("prod", f"{queue.name}-{kind}")
                assert prod.holder("AWS::CloudWatch::Alarm", "AlarmName", alarm) == integration.name
    shared = {alarm["AlarmName"] for alarm in prod.properties("AWS::CloudWatch::Alarm", "observability")}
    assert shared >= {names.resource("prod", word) for word in ("api-faults", "pause_consumer-paused")}
    assert not any(queue.name in name for name in shared for queue in SAMPLE.queues)


def test_every_alarm_tells_the_same_topic(prod: Templates) -> None:
    told: set[str] = set()
    for stack in prod.stacks:
        for alarm in prod.properties("AWS::CloudWatch::Alarm", stack):
            assert alarm["AlarmActions"] == alarm["OKActions"]
            (action,) = alarm["AlarmActions"]
            told.add("the topic itself" if "Ref" in action else text(action).rpartition(":")[2])
    assert told == {"the topic itself", names.resource("prod", "alarms")}
    assert [topic["TopicName"] for topic in prod.properties("AWS::SNS::Topic")] == [names.resource("prod", "alarms")]


def test_what_is_one_for_all_regions_of_an_account_has_the_region_in_its_name(prod: Templates) -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    for kind, key in (("AWS::CloudWatch::Dashboard", "DashboardName"), ("AWS::IAM::Role", "RoleName")):
        named = [text(each[key]) for each in prod.properties(kind) if key in each]
        assert named
        assert all(name.endswith("-${AWS::Region}") for name in named), named
    assert not [each for each in prod.properties("AWS::IAM::ManagedPolicy") if "ManagedPolicyName" in each]


def test_a_stack_of_too_many_resources_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(cdk: App, _topology: Topology) -> None:
        stack = Stack(cdk, "Full")
        for number in range(501):
            CfnResource(stack, f"Topic{number}", type="AWS::SNS::Topic")

    monkeypatch.setattr(app, "compose", fill)
    said: Any = app.main()
    assert "501 is greater than allowed maximum of 500" in said
    assert said.endswith("Split what it holds over more integrations.")
