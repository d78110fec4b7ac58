"""Every rule passes what we deploy and fails what breaks it."""

from __future__ import annotations

import pytest

from stacks.invariants.assembly import Assembly
from stacks.invariants.rules import RULES
from tests.stacks.invariants import test_callers, test_doors
from tests.stacks.invariants.breaks import BREAKS, FUNCTION, MAPPING, PASSES, QUEUE
from tests.stacks.invariants.broken import Break, Broken
from tests.stacks.templates import KINDS, Templates


@pytest.mark.parametrize("stage", ["local", "dev", *KINDS])
def test_what_we_deploy_breaks_no_rule(stage: str, request: pytest.FixtureRequest) -> None:
    templates: Templates = request.getfixturevalue(stage)
    assembly = Assembly(templates.stacks)
    assert [(rule.id, at.logical_id, found) for rule in RULES for at, found in rule.check(assembly)] == []


@pytest.mark.parametrize(("rule_id", "change", "where", "said"), BREAKS, ids=[row[0] for row in BREAKS])
def test_what_breaks_a_rule_is_found_where_it_is_and_said(
    dev: Templates, rule_id: str, change: Break, where: str, said: str
) -> None:
    (rule,) = [rule for rule in RULES if rule.id == rule_id]
    broken = Broken(dev)
    change(broken)
    found = list(rule.check(Assembly(broken.templates)))
    resources = {resource for resource, _ in found}
    (kind,) = {resource.kind for resource in resources}
    first = found[0][0]
    assert where == (f"{len(resources)} {kind}" if len(resources) > 1 else first.name or first.logical_id)
    assert [words for _, words in found if not any(part in words for part in said.split("|"))] == []


@pytest.mark.parametrize(("rule_id", "change"), PASSES, ids=[row[0] for row in PASSES])
def test_what_only_just_keeps_a_rule_is_not(dev: Templates, rule_id: str, change: Break) -> None:
    (rule,) = [rule for rule in RULES if rule.id == rule_id]
    broken = Broken(dev)
    change(broken)
    assert list(rule.check(Assembly(broken.templates))) == []


def test_every_rule_has_a_way_to_break_it() -> None:
    broken = {row[0] for row in (*BREAKS, *test_doors.OPENED)} | {each for _, each, _ in test_callers.BREAKS}
    assert broken == {rule.id for rule in RULES}


def test_every_rule_is_one_sentence_with_a_fix_and_a_source() -> None:
    for rule in RULES:
        assert rule.sentence.endswith(".")
        assert "\n" not in rule.sentence
        assert rule.fix.endswith(".")
        assert rule.source.startswith("https://docs.")


def test_a_consumer_in_another_stack_is_held_to_the_same_rules() -> None:
    arn = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":sqs:eu-west-1:123456789012:work"]]}
    assembly = Assembly(
        {
            "one": {"Resources": {"Q": {"Type": QUEUE, "Properties": {"QueueName": "work", "VisibilityTimeout": 59}}}},
            "two": {
                "Resources": {
                    "F": {"Type": FUNCTION, "Properties": {"Timeout": 10}},
                    "M": {"Type": MAPPING, "Properties": {"EventSourceArn": arn, "FunctionName": {"Ref": "F"}}},
                }
            },
        }
    )
    (visibility,) = [rule for rule in RULES if rule.id == "visibility"]
    ((queue, found),) = visibility.check(assembly)
    assert (queue.template, found) == ("one", "it is hidden for 59 s where 60 s are needed")
