"""Whatever a person changes in the map, nobody who is at work lacks anything while it is deployed."""

from __future__ import annotations

import copy
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from stacks import names
from stacks.compose import compose
from stacks.entry import Access, Integration, Topology
from tests.kept import kept
from tests.sample.contracts import TicketChanged
from tests.sample.topology import SAMPLE
from tests.stacks.changes import Deployment, Side
from tests.stacks.templates import Templates, context

TICKETS, AGENTS, WEBHOOKS, _ = SAMPLE.integrations
KEY = "arn:aws:kms:eu-central-1:111122223333:key/0b0f1b7c-52c8-4ed3-9d3b-1c0c5f5a1f11"


def smaller() -> Topology:
    """The sample without something of every kind that it had. What feeds a queue is retired first: an integration, a
    route, a queue's last subscription, which takes nothing any more."""
    consumers = {each.function: each for each in TICKETS.consumers}
    consumers |= {
        "open_ticket": replace(consumers["open_ticket"], access=consumers["open_ticket"].access[:1]),
        "change_ticket": replace(
            consumers["change_ticket"],
            access=(Access(table="changes", actions=("GetItem",)),),
            publishes=(TicketChanged,),
        ),
        "close_ticket": replace(consumers["close_ticket"], access=()),
    }
    tickets = replace(
        TICKETS,
        routes=(TICKETS.routes[0], replace(TICKETS.routes[1], retired=True)),
        queues=tuple(replace(each, on_poison="park") if each.fifo else each for each in TICKETS.queues),
        consumers=tuple(consumers.values()),
        subscriptions=tuple(
            replace(each, filter={"none": ["none"]})
            for each in TICKETS.subscriptions
            if each.event is not TicketChanged
        ),
        tables=tuple(each for each in TICKETS.tables if each.name != "closings"),
    )
    webhooks = replace(
        WEBHOOKS,
        routes=(replace(WEBHOOKS.routes[0], senders={"github": "github"}),),
        consumers=(replace(WEBHOOKS.consumers[0], secrets=("github_webhook",), publishes=()),),
    )
    return replace(SAMPLE, integrations=(tickets, replace(AGENTS, retired=True), webhooks))


def smallest() -> Topology:
    """What is left once what was retired is gone."""
    tickets, _, webhooks, *_ = smaller().integrations
    (kept,) = (route for route in tickets.routes if not route.retired)
    alone = Integration(
        tickets.name,
        routes=(kept,),
        queues=(tickets.queues[0],),
        consumers=(tickets.consumers[0],),
        tables=(tickets.tables[0],),
    )
    return replace(SAMPLE, integrations=(alone, webhooks))


def side(folder: Path, topology: Topology, **changes: Any) -> Side:
    """The stacks of stage dev, which keeps nothing that is deleted, with some of its settings changed."""

    def make(draft: Path) -> None:
        app = App(context=context("dev", **changes), outdir=str(draft))
        compose(app, topology)
        app.synth(skip_validation=True)

    return Side(shutil.copytree(kept(("side", topology, changes), make), folder, dirs_exist_ok=True))


@pytest.fixture(scope="module")
def sides(dev: Templates, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Side]:
    """The sample at other moments of its life."""
    return {
        "whole": Side(dev.folder),
        "smaller": side(tmp_path_factory.mktemp("smaller"), smaller()),
        "smallest": side(tmp_path_factory.mktemp("smallest"), smallest()),
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("whole", "smaller"),
        ("smaller", "smallest"),
        ("smallest", "smaller"),
        ("smaller", "whole"),
        ("smallest", "whole"),
    ],
)
def test_nobody_at_work_lacks_anything_on_the_way(sides: dict[str, Side], before: str, after: str) -> None:
    deployment = Deployment(sides[before], sides[after])
    workers = {place for each in (deployment.before, deployment.after) for place, _, _ in each.at_work()}
    assert any(map(deployment.step, workers)), "something changes"
    assert deployment.lacking() == []


def test_what_is_not_retired_first_is_missed(sides: dict[str, Side]) -> None:
    lacking = Deployment(sides["whole"], sides["smallest"]).lacking()
    routes, rules = ([each for each in lacking if ("POST" in each) is of_route] for of_route in (True, False))
    assert routes
    assert all("as it is deployed" in each for each in routes), routes
    assert rules == sorted(
        f"{names.rule('dev', each.queue, each.event.__name__)} brings events to arn:aws:sqs:here:me:"
        f"{names.queue('dev', each.queue)} until it is deleted with them"
        for each in TICKETS.subscriptions
    )


def test_what_moves_to_another_integration_has_a_name_that_is_taken(sides: dict[str, Side], tmp_path: Path) -> None:
    def belongs(each: Any) -> bool:
        return "mail_ticket" in (getattr(each, "name", ""), getattr(each, "function", ""), getattr(each, "queue", ""))

    kinds = ("queues", "consumers", "subscriptions")
    left: dict[str, Any] = {kind: tuple(each for each in getattr(TICKETS, kind) if not belongs(each)) for kind in kinds}
    taken: dict[str, Any] = {kind: (*getattr(AGENTS, kind), *filter(belongs, getattr(TICKETS, kind))) for kind in kinds}
    moved = replace(SAMPLE, integrations=(replace(TICKETS, **left), replace(AGENTS, **taken), WEBHOOKS))
    here, there = names.resource("dev", "agents"), names.resource("dev", "tickets")
    queue = names.queue("dev", "mail_ticket")
    assert f"arn:aws:sqs:here:me:{queue} is made in {here} while it is still in {there}" in (
        lacking(sides["whole"], side(tmp_path, moved))
    )


def lacking(before: Side, after: Side) -> str:
    return "\n".join(Deployment(before, after).lacking())


def test_the_judge_sees_what_begins_too_early(sides: dict[str, Side]) -> None:
    hasty = copy.deepcopy(sides["whole"])
    for template in hasty.templates.values():
        for resource in template.values():
            if resource["Type"] in ("AWS::Lambda::Function", "AWS::Events::Rule"):
                resource["DependsOn"] = []
    said = lacking(sides["smaller"], hasty)
    name = names.resource("dev", "close_ticket")
    assert (
        f"{name}, as it will be, begins before arn:aws:dynamodb:here:me:table/{names.resource('dev', 'closings')}"
        in (said)
    )
    assert "may secretsmanager:GetSecretValue" in said
    rule = names.rule("dev", "mail_ticket", "TicketOpened")
    assert f"{rule}, as it will be, begins before" in lacking(sides["smallest"], hasty)


def test_the_judge_sees_stacks_in_no_order(sides: dict[str, Side]) -> None:
    unordered = copy.deepcopy(sides["whole"])
    unordered.order = {stack: set() for stack in unordered.order}
    assert "POST" in lacking(sides["smallest"], unordered)


def test_the_judge_sees_what_is_taken_too_early(sides: dict[str, Side]) -> None:
    def in_place(one: Side) -> Side:
        changed = copy.deepcopy(one)
        for template in changed.templates.values():
            for old in [name for name, resource in template.items() if resource["Type"] == "AWS::IAM::Policy"]:
                policy = template.pop(old)
                template[f"Policy of {policy['Properties']['Roles'][0]['Ref']}"] = policy
        return changed

    said = lacking(in_place(sides["whole"]), in_place(sides["smaller"]))
    assert f"{names.resource('dev', 'change_ticket')}, as it was, still needs that" in said
    assert "may dynamodb:PutItem" in said
    assert "may secretsmanager:GetSecretValue" in said


def test_the_judge_sees_a_rule_whose_permission_goes_before_it(sides: dict[str, Side]) -> None:
    strict = copy.deepcopy(sides["smaller"])
    for template in strict.templates.values():
        for resource in template.values():
            if resource["Type"] == "AWS::SQS::QueuePolicy":
                statements = resource["Properties"]["PolicyDocument"]["Statement"]
                statements[:] = [each for each in statements if each["Effect"] == "Deny"]
    assert f"{names.rule('dev', 'assign_ticket', 'TicketOpened')}, as it was, still needs" in (
        lacking(sides["whole"], strict)
    )


def test_what_is_sealed_with_a_former_key_can_be_opened_as_long_as_the_key_is_named(
    sides: dict[str, Side], tmp_path: Path
) -> None:
    keyed = side(tmp_path / "keyed", SAMPLE, customer_key=KEY)
    turned_off = lacking(keyed, sides["whole"])
    assert f"open_ticket took before, and may not open it with {KEY}" in turned_off
    assert f"{names.dead_letter_queue('dev', 'open_ticket')} took before" in turned_off, "the operator opens it"
    former = side(tmp_path / "former", SAMPLE, customer_key=KEY.replace("0b0f", "1111"), former_keys=[KEY])
    assert lacking(keyed, former) == ""
