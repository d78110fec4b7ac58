"""The app as the CDK command runs it: offline, and whatever is wrong is said in words."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_sqs as sqs

import app
from stacks import names
from stacks.bundle import build
from stacks.bundle.python_code import PythonCode
from stacks.entry import Topology
from stacks.invariants.plugin import Invariants
from tests.stacks.templates import context, settings_of


def start(root: Path, known: dict[str, Any] | None) -> subprocess.CompletedProcess[str]:
    """`app.py` of that project in a process of its own, as the CDK command starts it, or as a person would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    if known is not None:
        environment |= {"CDK_CONTEXT_JSON": json.dumps(known)}
    return subprocess.run(
        [sys.executable, "app.py"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a start which failed said."""
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    return line


def test_a_start_without_the_cdk_command_is_one_sentence() -> None:
    said = sentence(start(names.ROOT, None))
    assert said.startswith("No stage is named; say one: cdk synth -c stage=")


def test_a_stage_that_is_not_there_is_one_sentence() -> None:
    said = sentence(start(names.ROOT, context("prod") | {"stage": "nowhere"}))
    assert said == "There is no stage 'nowhere' in cdk.json; choose one of dev, inside, keys, local, prod, tokens."


def test_a_project_without_cdk_json_is_one_sentence(tmp_path: Path) -> None:
    shutil.copy(names.ROOT / "app.py", tmp_path)
    for room in ("stacks", "functions"):
        shutil.copytree(names.ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    said = sentence(start(tmp_path, context("prod")))
    assert said == "There is no cdk.json; it holds the project's name and its stages."


def test_a_template_that_breaks_a_rule_is_reported_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_one(cdk: App, _topology: Topology) -> None:
        sqs.Queue(Stack(cdk, "Theirs"), "Bare")
        Validations.of(cdk).add_plugins(Invariants())

    monkeypatch.setattr(app, "compose", break_one)
    report = app.main()
    assert report is not None
    assert "Every queue is encrypted" in report
    assert "Suggested fix: Use SQS's own keys" in report
    assert "Traceback" not in report


def test_a_layer_that_cannot_be_built_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bundle(cdk: App, topology: Topology) -> None:
        PythonCode(Stack(cdk, "Ours"), settings=settings_of("dev"), package=topology.package, name="dependencies")

    monkeypatch.setattr(app, "compose", bundle)
    monkeypatch.setattr(build, "BUILD", tmp_path / "build")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wrong = app.main()
    assert wrong is not None
    assert wrong.startswith("pip could not fetch the dependency layer for Python 3.13: ")
    assert "\n" not in wrong.strip()
