"""Rules look across the stacks of an app, and at what leaves out whatever may be left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import App, Duration, Stack, Validations
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_sqs as sqs

from stacks.invariants.plugin import Invariants


def found(app: App, folder: Path) -> dict[str, str]:
    """By rule what is said of the app."""
    Validations.of(app).add_plugins(Invariants())
    with pytest.raises(RuntimeError, match="report can be found"):
        app.synth()
    (report,) = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    return {violation["ruleName"]: violation["description"] for violation in report["violations"]}


def test_a_dead_letter_queue_of_another_stack_is_found_by_what_is_imported_of_it(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    dead = sqs.Queue(Stack(app, "One"), "Dead", retention_period=Duration.days(3))
    sqs.Queue(
        Stack(app, "Two"),
        "Work",
        retention_period=Duration.days(4),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=5),
    )
    assert "dead-letter-retention" in found(app, tmp_path)
    assert "Fn::ImportValue" in (tmp_path / "Two.template.json").read_text()


def test_a_method_whose_integration_has_no_templates_asks_nobody_either(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Theirs")
    api = apigateway.CfnRestApi(stack, "Api", name="theirs")
    apigateway.CfnMethod(
        stack,
        "Method",
        rest_api_id=api.ref,
        resource_id=api.attr_root_resource_id,
        http_method="POST",
        authorization_type="NONE",
        integration={"type": "HTTP_PROXY", "uri": "https://example.com", "integrationHttpMethod": "POST"},
    )
    assert "asks nobody" in found(app, tmp_path)["asked-callers"]
