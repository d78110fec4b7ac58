"""What the templates of lanes promise: a queue, a DLQ, a function and a mapping each, and an edge that reaches all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stacks import names
from stacks.entry import Consumer, Integration, Queue, Route, Topology
from tests.sample.contracts import TriageTicket
from tests.sample.laned import LANED
from tests.stacks.templates import Templates, lint, listed, synthesize

QUEUES = ("triage_ticket_high", "triage_ticket", "triage_ticket_low")
STAGE = "dev"


@pytest.fixture(scope="module")
def laned(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("laned"), STAGE, LANED)


def integration(templates: Templates) -> dict[str, Any]:
    (method,) = templates.properties("AWS::ApiGateway::Method", "ingress")
    found: dict[str, Any] = method["Integration"]
    return found


def test_each_lane_has_a_queue_with_its_own_dlq_and_a_function_of_the_same_handler(laned: Templates) -> None:
    for word in QUEUES:
        queue = laned.queue(names.queue(STAGE, word))
        assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
        dead = laned.queue(names.dead_letter_queue(STAGE, word))
        assert names.queue(STAGE, word) in json.dumps(dead["RedriveAllowPolicy"])
        function = laned.function(word)
        assert function["Handler"] == "tests.sample.triage_ticket.handler.handler"
        assert function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == word


def test_the_shares_are_the_batches_at_once_of_each_mapping(laned: Templates) -> None:
    mappings = laned.properties("AWS::Lambda::EventSourceMapping", "desk")
    sources = {json.dumps(each["EventSourceArn"]): each["ScalingConfig"]["MaximumConcurrency"] for each in mappings}
    found = {
        word: most for word in QUEUES for source, most in sources.items() if f'"{word.replace("_", "")}queue' in source
    }
    assert found == {"triage_ticket_high": 4, "triage_ticket": 2, "triage_ticket_low": 2}


def test_the_api_may_send_to_every_lane_and_nothing_else(laned: Templates) -> None:
    (role,) = (
        each
        for each in laned.properties("AWS::IAM::Role", "ingress")
        if "triage_ticket" in str(each.get("Description", ""))
    )
    (statement,) = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "sqs:SendMessage"
    ends = [json.dumps(each).rpartition(":")[2].split('"')[0] for each in listed(statement["Resource"])]
    assert sorted(ends) == sorted(names.queue(STAGE, word) for word in QUEUES)


def test_the_path_has_a_placeholder_that_is_the_normal_lane_unless_the_template_sets_it(laned: Templates) -> None:
    found = integration(laned)
    assert json.dumps(found["Uri"]).endswith('/{queue}"]]}')
    assert found["RequestParameters"]["integration.request.path.queue"] == f"'{names.queue(STAGE, 'triage_ticket')}'"
    (text,) = (each["template"]["text"] for each in mappings(laned))
    assert text.count("$context.requestOverride.path.queue") == 1, "an override may be applied once"
    for word in QUEUES:
        assert f"'{names.queue(STAGE, word)}'" in text


def mappings(templates: Templates) -> list[Any]:
    (ingress,) = (each for name, each in templates.stacks.items() if name == "ingress")
    return [each for each in ingress["Mappings"].values() if "template" in each]


def test_a_route_without_lanes_has_none_of_it(tmp_path: Path) -> None:
    plain = Integration(
        "desk",
        routes=(Route(path="/v1/triages", accepts=TriageTicket, queue="triage_ticket"),),
        queues=(Queue(name="triage_ticket"),),
        consumers=(Consumer(function="triage_ticket"),),
    )
    templates = synthesize(tmp_path, STAGE, Topology(package="tests.sample", integrations=(plain,)))
    whole = str(templates.stacks)
    assert "requestOverride" not in whole
    assert "integration.request.path" not in whole
    assert "triage_ticket_" not in whole


def test_the_rule_of_normal_changes_after_those_of_the_other_lanes(laned: Templates) -> None:
    rules = {each["Properties"]["Name"]: each for each in laned.resources("AWS::Events::Rule", "desk")}
    normal = rules[names.rule(STAGE, "call_ticket", "TicketTriaged")]
    other = names.rule(STAGE, "call_ticket_high", "TicketTriaged")
    assert other in [laned.stacks["desk"]["Resources"][each]["Properties"].get("Name") for each in normal["DependsOn"]]
    assert normal["Properties"]["EventPattern"]["detail"] == {
        "data": {"priority": [{"anything-but": ["high"]}, {"exists": False}]}
    }


def test_each_lane_may_have_its_own_messages_planned(laned: Templates) -> None:
    for word in QUEUES:
        assert "PLAN_QUEUE_URL" in laned.function(word)["Environment"]["Variables"]
    planner = json.dumps(laned.stacks[names.PLANNING])
    for word in QUEUES:
        assert f':{names.queue(STAGE, word)}"' in planner


def test_lint_finds_nothing(laned: Templates) -> None:
    assert lint(laned) == ""
