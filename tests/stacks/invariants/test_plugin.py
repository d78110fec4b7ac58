"""The rules stop the CDK itself, for anyone's stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import App, Duration, NestedStack, Stack, Validations
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from stacks.invariants.plugin import Invariants


def app_with_a_bare_queue(folder: Path) -> tuple[App, Stack]:
    app = App(outdir=str(folder))
    stack = Stack(app, "Theirs")
    dead = sqs.Queue(stack, "Dead")
    sqs.Queue(
        stack,
        "Work",
        retention_period=Duration.days(14),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=1),
    )
    Validations.of(app).add_plugins(Invariants())
    return app, stack


def test_synth_of_a_template_that_breaks_a_rule_fails_and_the_report_says_what_to_do(tmp_path: Path) -> None:
    app, _ = app_with_a_bare_queue(tmp_path)
    with pytest.raises(RuntimeError, match="report can be found"):
        app.synth()
    (report,) = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    found = {violation["ruleName"]: violation for violation in report["violations"]}
    assert {"receives", "dead-letter-retention", "redrive-allow", "queue-encryption", "queue-tls"} == found.keys()
    receives = found["receives"]
    assert receives["description"].endswith("Here: maxReceiveCount is 1.")
    assert {violation["severity"] for violation in found.values()} == {"error"}
    assert receives["suggestedFix"] == "Set maxReceiveCount to 3 or more."
    assert receives["ruleMetadata"]["source"].startswith("https://docs.aws.amazon.com/")
    assert receives["violatingConstructs"][0]["constructPath"] == "Theirs/Work/Resource"


def test_template_tests_of_such_a_stack_fail_alike(tmp_path: Path) -> None:
    _, stack = app_with_a_bare_queue(tmp_path)
    with pytest.raises(RuntimeError, match="report can be found"):
        Template.from_stack(stack)


def test_a_nested_stack_is_held_to_the_rules_with_what_its_parents_give_it_and_get_from_it(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Theirs")
    outer = NestedStack(stack, "Outer")
    queue = sqs.CfnQueue(NestedStack(outer, "Inner"), "Work", sqs_managed_sse_enabled=True)
    for scope in (outer, stack):
        opened = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue.attr_arn}
        sqs.CfnQueuePolicy(scope, "Open", queues=[queue.ref], policy_document={"Statement": [opened]})
    Validations.of(app).add_plugins(Invariants())
    with pytest.raises(RuntimeError, match="report can be found"):
        app.synth()
    (report,) = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    found = [(each["ruleName"], each["violatingConstructs"][0]["constructPath"]) for each in report["violations"]]
    place = "Theirs/Outer/Inner/Work"
    assert sorted(found) == [("queue-policy", place), ("queue-policy", place), ("queue-tls", place)]
