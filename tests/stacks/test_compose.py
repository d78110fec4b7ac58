"""What all stacks of a stage promise together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stacks import names
from stacks.bundle import build
from stacks.entry import Topology
from tests.sample.topology import SAMPLE
from tests.stacks.templates import KINDS, Templates, afresh, lint, synthesize


def test_every_integration_is_a_stack_of_its_own_beside_those_that_all_share(prod: Templates) -> None:
    shared = set(names.SHARED_STACKS) - {"encryption"}
    assert set(prod.stacks) == shared | {integration.name for integration in SAMPLE.integrations}


def test_a_project_without_integrations_has_neither_an_api_nor_a_dashboard(tmp_path: Path) -> None:
    templates = synthesize(tmp_path, "prod", Topology())
    assert set(templates.stacks) == set(names.SHARED_STACKS) - {"encryption", "ingress"}
    assert not templates.properties("AWS::CloudWatch::Dashboard")
    (alarm,) = templates.properties("AWS::CloudWatch::Alarm")
    assert alarm["AlarmName"] == names.resource("prod", "chat-not-posted"), "the chat is there before anything else"


def test_stacks_meet_by_name_so_that_one_can_be_deployed_or_removed_alone(prod: Templates) -> None:
    for template in prod.stacks.values():
        assert not any("Export" in output for output in template.get("Outputs", {}).values())
        assert "Fn::ImportValue" not in json.dumps(template)


def test_only_stacks_that_are_named_as_deployed_are_protected_from_deletion(prod: Templates, dev: Templates) -> None:
    for templates, protected in ((prod, {"shared"}), (dev, set())):
        manifest = json.loads((templates.folder / "manifest.json").read_text())["artifacts"]
        found = {
            word
            for word in templates.stacks
            if manifest[names.resource(templates.stage, word)]["properties"].get("terminationProtection")
        }
        assert found == protected


def test_a_machine_without_the_targets_python_is_told_once_what_it_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_interpreter", lambda version: None)
    templates = afresh(tmp_path, "dev")
    report = json.loads((templates.folder / "validation-report.json").read_text())
    (warning,) = [found for plugin in report["pluginReports"] for found in plugin["violations"]]
    assert "no byte code" in warning["description"]
    assert "nearly twice the CPU" in warning["description"]


@pytest.mark.long
@pytest.mark.parametrize(
    "stage", ["prod", *(pytest.param(each, marks=pytest.mark.proof) for each in ("dev", names.LOCAL, *KINDS[1:]))]
)
def test_templates_are_clean_under_cfn_lint(stage: str, request: pytest.FixtureRequest) -> None:
    assert lint(request.getfixturevalue(stage)) == ""


@pytest.mark.long
def test_what_kinds_of_stages_differ_in_is_clean_under_cfn_lint(
    tokens: Templates, keys: Templates, inside: Templates
) -> None:
    assert lint(tokens, keys, inside, stacks=("ingress", "encryption")) == ""
