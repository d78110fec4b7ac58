"""The project's own topology, in every stage that its cdk.json lists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stacks import names
from stacks.bundle.python_code import NO_BYTE_CODE
from tests.kept import kept
from tests.stacks.templates import lint, templates_in


@pytest.mark.long
@pytest.mark.parametrize(
    "stage", [*(pytest.param(stage, marks=pytest.mark.proof) for stage in names.STAGES[:-1]), names.STAGES[-1]]
)
def test_every_stage_synthesizes_offline_without_findings(stage: str) -> None:
    known = {**names.CONTEXT, "stage": stage, "aws:cdk:bundling-stacks": []}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}

    def make(draft: Path) -> None:
        done = subprocess.run(
            [sys.executable, "app.py"],
            cwd=names.ROOT,
            env={**environment, "CDK_CONTEXT_JSON": json.dumps(known), "CDK_OUTDIR": str(draft)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    made = kept(("app", stage), make)
    report = json.loads((made / "validation-report.json").read_text())
    found = {violation["ruleName"] for each in report["pluginReports"] for violation in each["violations"]}
    # A machine without Lambda's Python says so; that is no fault of the templates.
    assert found <= {f"Annotation::{NO_BYTE_CODE}"}
    assert lint(templates_in(made, stage)) == ""
