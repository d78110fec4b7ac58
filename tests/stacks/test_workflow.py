"""A workflow becomes a queue, a consumer, subscriptions and a table; who has none has nothing of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from functions.contracts.workflow import MessageDied, read
from stacks import names, workflow
from stacks.entry import Topology
from tests.sample.followed import FOLLOWED
from tests.sample.topology import SAMPLE
from tests.sample.visits import PartMissing, PartReserved, PartReturned, VanReserved, VanReturned
from tests.stacks.templates import statements, synthesize

VISITS = FOLLOWED.integrations[0]


def test_a_workflow_is_expanded_once_however_often_a_topology_is_made_of_it() -> None:
    again = replace(FOLLOWED, integrations=tuple(replace(each) for each in FOLLOWED.integrations))
    assert again == FOLLOWED
    assert [queue.name for queue in again.queues].count("plan_visit") == 1
    sooner = replace(VISITS.workflows[0], within=60)
    changed = replace(FOLLOWED, integrations=(replace(VISITS, workflows=(sooner,)),))
    assert read(workflow.variable(changed.consumer("plan_visit"), changed) or "").within == 60


def test_it_listens_to_its_facts_and_to_the_end_of_the_consumer_that_it_names() -> None:
    heard = [each for each in FOLLOWED.subscriptions if each.queue == "plan_visit"]
    assert [each.event for each in heard] == [
        *(PartReserved, PartMissing, PartReturned, VanReserved, VanReturned),
        MessageDied,
    ]
    assert heard[-1].filter == {"consumer": ["reserve_van"]}
    told = {each.function for each in FOLLOWED.consumers if MessageDied in each.publishes}
    assert told == {"reserve_van"}
    assert workflow.keys(FOLLOWED.consumer("reserve_van"), FOLLOWED) == "reserve_van ticket_id"
    assert workflow.keys(FOLLOWED.consumer("reserve_part"), FOLLOWED) is None


def test_a_consumer_that_no_workflow_names_any_more_tells_nothing_any_more() -> None:
    (loose,) = (replace(step, dies=None) for step in VISITS.workflows[0].steps[1:])
    steps = (VISITS.workflows[0].steps[0], loose)
    changed = replace(FOLLOWED, integrations=(replace(VISITS, workflows=(replace(VISITS.workflows[0], steps=steps),)),))
    assert MessageDied not in changed.consumer("reserve_van").publishes


def test_its_function_is_told_the_rule_and_may_read_and_write_its_items_only(tmp_path: Path) -> None:
    templates = synthesize(tmp_path, "dev", FOLLOWED)
    functions = {each["FunctionName"]: each for each in templates.properties("AWS::Lambda::Function", "visits")}
    follows = functions[names.resource("dev", "plan_visit")]
    assert follows["Handler"] == "functions.follow_workflow.handler.handler"
    told = follows["Environment"]["Variables"]
    assert read(told["WORKFLOW"]) == VISITS.workflows[0].rule()
    assert "PLAN_QUEUE_URL" in told
    assert "DEATH_KEYS" not in told
    assert (
        functions[names.resource("dev", "reserve_van")]["Environment"]["Variables"]["DEATH_KEYS"]
        == "reserve_van ticket_id"
    )
    (policy,) = (
        each
        for each in templates.properties("AWS::IAM::Policy", "visits")
        if each["PolicyName"].startswith("planvisit") or "planvisit" in str(each["Roles"])
    )
    table = [each for each in statements(policy) if names.resource("dev", "plan_visit") in str(each["Resource"])]
    actions = {action for each in table for action in each["Action"] if action.startswith("dynamodb")}
    assert actions == {"dynamodb:GetItem", "dynamodb:PutItem"}


def test_who_has_no_workflow_has_nothing_of_it(tmp_path: Path) -> None:
    bare = Topology(package=SAMPLE.package, integrations=SAMPLE.integrations)
    assert workflow.expanded(bare.integrations) is bare.integrations
    whole = str(synthesize(tmp_path, "dev", bare).stacks)
    for word in ("WORKFLOW", "DEATH_KEYS", "MessageDied", "follow_workflow"):
        assert word not in whole
