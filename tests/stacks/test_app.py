"""The app as the CDK command runs it: offline, validated, clean."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_sqs as sqs

import app
from stacks import settings
from stacks.invariants.plugin import Invariants
from stacks.parts import package
from stacks.parts.python_code import NO_BYTE_CODE, PythonCode
from tests.stacks.templates import ROOT, Templates, context, synthesize

CFN_LINT = Path(sys.executable).with_name("cfn-lint")


def synth(folder: Path, known: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """`app.py` in a process of its own, as the CDK command starts it, with neither account nor network settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**environment, "CDK_CONTEXT_JSON": json.dumps(known), "CDK_OUTDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_prod_passes_cloudformations_own_validation(tmp_path: Path) -> None:
    done = synth(tmp_path, context("prod"))
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "validation-report.json").read_text())
    found = {violation["ruleName"] for each in report["pluginReports"] for violation in each["violations"]}
    # A machine without Lambda's Python says so; that is no fault of the templates.
    assert found <= {f"Annotation::{NO_BYTE_CODE}"}


def test_a_stage_that_is_not_there_is_one_sentence_and_a_failure(tmp_path: Path) -> None:
    done = synth(tmp_path, context("prod") | {"stage": "nowhere"})
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("There is no stage 'nowhere'")
    assert "Traceback" not in done.stderr


def test_a_template_that_breaks_a_rule_is_reported_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_one(cdk: App) -> None:
        sqs.Queue(Stack(cdk, "Theirs"), "Bare")
        Validations.of(cdk).add_plugins(Invariants())

    monkeypatch.setattr(app, "compose", break_one)
    report = app.main()
    assert report is not None
    assert "Every queue is encrypted" in report
    assert "Suggested fix: Use SQS's own keys" in report
    assert "Traceback" not in report


def test_a_layer_that_cannot_be_built_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compose(cdk: App) -> None:
        stack = Stack(cdk, "Ours")
        PythonCode(stack, settings=settings.read("dev", context("dev")["stages"]))

    monkeypatch.setattr(app, "compose", compose)
    monkeypatch.setattr(package, "BUILD", tmp_path / "build")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wrong = app.main()
    assert wrong is not None
    assert wrong.startswith("pip could not fetch the dependency layer for Python 3.13: ")
    assert "\n" not in wrong.strip()


def test_a_machine_without_the_targets_python_is_told_once_what_it_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "_interpreter", lambda version: None)
    templates = synthesize(tmp_path, "dev")
    report = json.loads((templates.folder / "validation-report.json").read_text())
    (warning,) = [found for plugin in report["pluginReports"] for found in plugin["violations"]]
    assert "no byte code" in warning["description"]
    assert "nearly twice the CPU" in warning["description"]


def test_stacks_of_prod_are_protected_from_deletion(prod: Templates, dev: Templates) -> None:
    for templates, protected in ((prod, True), (dev, False)):
        manifest = json.loads((templates.folder / "manifest.json").read_text())["artifacts"].values()
        stacks = [artifact["properties"] for artifact in manifest if artifact["type"] == "aws:cloudformation:stack"]
        assert {stack.get("terminationProtection") for stack in stacks} == {protected}
        assert len(stacks) == len(templates.stacks)


@pytest.mark.long
@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_templates_are_clean_under_cfn_lint(stage: str, request: pytest.FixtureRequest) -> None:
    templates: Templates = request.getfixturevalue(stage)
    paths = sorted(map(str, templates.folder.glob("*.template.json")))
    done = subprocess.run([CFN_LINT, *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_stacks_meet_by_name_so_that_an_integration_leaves_in_one_deployment(prod: Templates) -> None:
    for template in prod.stacks.values():
        assert not any("Export" in output for output in template.get("Outputs", {}).values())
        assert "Fn::ImportValue" not in json.dumps(template)
