"""cdk-nag finds nothing that nobody has judged, and nothing is excused that it would not find."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks
from constructs import IConstruct

from stacks.bundle.python_code import NO_BYTE_CODE
from stacks.compose import compose
from stacks.entry import Grant, Topology
from stacks.parts import acknowledged
from tests.kept import kept
from tests.sample.scheduled import SCHEDULED
from tests.sample.topology import SAMPLE
from tests.stacks.templates import KINDS, changed_consumer, context, lint, of_stage, statements, templates_in


def findings(folder: Path, stage: str, topology: Topology = SAMPLE, **settings: Any) -> set[tuple[str, str]]:
    """What the packs find: the rule and the path of the construct."""
    made = kept(("nag", stage, topology, settings), lambda draft: _judge(draft, stage, topology, settings))
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return set(_found(json.loads((folder / "validation-report.json").read_text())))


def _judge(folder: Path, stage: str, topology: Topology = SAMPLE, settings: Mapping[str, Any] | None = None) -> None:
    app = App(context=context(stage, **settings or {}), outdir=str(folder))
    compose(app, of_stage(stage) if topology is SAMPLE else topology)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    with suppress(RuntimeError):  # the report says what was found
        app.synth()


def _found(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for plugin in report["pluginReports"]:
        for violation in plugin["violations"]:
            if violation["ruleName"] == f"Annotation::{NO_BYTE_CODE}":
                continue  # of this machine, not of the templates
            for construct in violation["violatingConstructs"]:
                yield violation["ruleName"], construct["constructPath"]


@pytest.mark.parametrize("stage", ["dev", *KINDS])
def test_nothing_is_found_that_nobody_has_judged(tmp_path: Path, stage: str) -> None:
    assert findings(tmp_path, stage) == set()


@pytest.mark.parametrize(
    "stage",
    ["prod", *(pytest.param(each, marks=pytest.mark.proof) for each in ("local", "dev", *KINDS[1:]))],
)
def test_nothing_is_found_in_a_project_that_has_no_integration_yet(tmp_path: Path, stage: str) -> None:
    assert findings(tmp_path, stage, topology=Topology()) == set()
    if stage not in KINDS[1:]:
        assert lint(templates_in(tmp_path, stage)) == ""


def retired() -> Topology:
    """The sample with every integration retired."""
    return replace(SAMPLE, integrations=tuple(replace(each, retired=True) for each in SAMPLE.integrations))


@pytest.mark.parametrize("settings", [{}, {"authorization": "api_key"}], ids=["iam", "api key"])
def test_nothing_is_found_where_every_integration_is_retired(tmp_path: Path, settings: dict[str, Any]) -> None:
    assert findings(tmp_path, "prod", retired(), **settings) == set()


@pytest.mark.parametrize("stacks", [("ingress",), pytest.param(("*",), marks=pytest.mark.proof)], ids=["api", "all"])
def test_templates_where_every_integration_is_retired_are_clean_under_cfn_lint(
    tmp_path: Path, stacks: tuple[str, ...]
) -> None:
    findings(tmp_path, "prod", retired())
    assert lint(templates_in(tmp_path, "prod"), stacks=stacks) == ""


@pytest.mark.parametrize("stage", ["dev", "tokens"])
def test_nothing_is_found_where_there_are_schedules(tmp_path: Path, stage: str) -> None:
    assert findings(tmp_path, stage, SCHEDULED) == set()
    assert lint(templates_in(tmp_path, stage)) == ""


def test_nothing_is_found_where_the_map_grants_what_only_a_prefix_names(tmp_path: Path) -> None:
    resource = "arn:{partition}:sqs:{region}:{account}:theirs-{stage}-*"
    grants = (Grant(actions=("sqs:SendMessage", "sqs:GetQueueUrl"), resources=(resource,)),)
    topology = changed_consumer("open_ticket", grants=grants)
    assert findings(tmp_path, "prod", topology) == set()
    (found,) = (
        statement
        for policy in templates_in(tmp_path, "prod").properties("AWS::IAM::Policy", "tickets")
        for statement in statements(policy)
        if "theirs-prod-*" in json.dumps(statement["Resource"])
    )
    assert set(found["Action"]) == {"sqs:SendMessage", "sqs:GetQueueUrl"}
    own = [":sqs:", {"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}, ":theirs-prod-*"]
    assert found["Resource"] == {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, *own]]}


class Recorder:
    """Stands in for the CDK's `Validations`: writes acknowledgments down and makes none."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []
        self._path = ""

    def of(self, construct: IConstruct) -> Recorder:
        self._path = construct.node.path
        return self

    def acknowledge(self, rule: Acknowledgment) -> None:
        self.made.append((rule.id, self._path))


def _record(folder: Path, stage: str, topology: Topology = SAMPLE) -> None:
    """What is found where nothing is acknowledged, and beside it what would be."""
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acknowledged, "Validations", recorder)
        _judge(folder, stage, topology)
    (folder / "acknowledged.json").write_text(json.dumps(recorder.made))


def test_every_acknowledgment_is_still_needed() -> None:
    used = set()
    for stage, topology in (("dev", SAMPLE), ("tokens", SAMPLE), ("dev", SCHEDULED)):
        folder = kept(("acknowledged", stage, topology), partial(_record, stage=stage, topology=topology))
        found = set(_found(json.loads((folder / "validation-report.json").read_text())))
        recorded = json.loads((folder / "acknowledged.json").read_text())
        unneeded = [
            (rule, path)
            for rule, path in recorded
            if not any(name == rule and f"{at}/".startswith(f"{path}/") for name, at in found)
        ]
        assert unneeded == []
        used |= {rule for rule, _ in recorded}
    patterns = {rule: re.escape(rule).replace(r"\{name\}", ".+") for rule in acknowledged.REASONS}
    assert all(any(re.fullmatch(pattern, rule) for rule in used) for pattern in patterns.values()), used


def test_every_reason_is_a_sentence() -> None:
    assert all(reason.endswith(".") and len(reason) > 20 for reason in acknowledged.REASONS.values())
