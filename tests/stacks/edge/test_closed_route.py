"""An API whose routes are all retired takes nothing, and says so in our words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stacks import names
from stacks.entry import Topology
from tests.sample.topology import SAMPLE
from tests.stacks.edge.api import methods
from tests.stacks.templates import Templates, synthesize

RETIRED = replace(SAMPLE, integrations=tuple(replace(each, retired=True) for each in SAMPLE.integrations))


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("closed"), "prod", RETIRED)


def method_ids(templates: Templates) -> set[str]:
    resources = templates.stacks["ingress"]["Resources"]
    return {name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Method"}


def test_every_method_stays_so_that_it_is_changed_before_the_next_deployment(
    closed: Templates, prod: Templates
) -> None:
    assert set(closed.stacks) == set(prod.stacks)
    assert methods(closed) == {}, "none feeds a queue"
    assert method_ids(closed) == method_ids(prod) != set()
    (deployment,) = closed.resources("AWS::ApiGateway::Deployment", "ingress")
    assert method_ids(closed) <= set(deployment["DependsOn"])
    (before,) = prod.resources("AWS::ApiGateway::Deployment", "ingress")
    assert deployment != before, "it is a new one"


def test_a_retired_route_is_a_mock_that_answers_404_to_whom_it_answered_before(
    closed: Templates, prod: Templates
) -> None:
    was = {method["ResourceId"]["Ref"]: method for method in prod.properties("AWS::ApiGateway::Method")}
    for method in closed.properties("AWS::ApiGateway::Method"):
        before = was[method["ResourceId"]["Ref"]]
        assert (method["HttpMethod"], method["AuthorizationType"]) == (
            before["HttpMethod"],
            before["AuthorizationType"],
        )
        integration = method["Integration"]
        assert (integration["Type"], integration["PassthroughBehavior"]) == ("MOCK", "NEVER")
        assert json.loads(integration["RequestTemplates"]["application/json"]) == {"statusCode": 404}
        (answer,) = integration["IntegrationResponses"]
        assert answer["StatusCode"] == "404"
        override, _, body = answer["ResponseTemplates"]["application/json"].partition(")")
        assert override == "#set($context.responseOverride.header.X-Correlation-Id = $context.requestId"
        assert json.loads(body) == {"message": "There is no such route.", "correlation_id": "$context.requestId"}
        (response,) = method["MethodResponses"]
        assert response["StatusCode"] == "404"
        assert response["ResponseParameters"].keys() == {"method.response.header.X-Correlation-Id"}


def test_the_api_does_not_depend_on_what_is_destroyed(tmp_path: Path) -> None:
    one = replace(
        SAMPLE, integrations=tuple(replace(each, retired=each.name == "webhooks") for each in SAMPLE.integrations)
    )
    manifest = json.loads((synthesize(tmp_path, "dev", one).folder / "manifest.json").read_text())
    needed = manifest["artifacts"][names.resource("dev", "ingress")]["dependencies"]
    assert names.resource("dev", "tickets") in needed
    assert names.resource("dev", "webhooks") not in needed


def test_keys_that_callers_hold_are_the_same_when_a_route_comes_back(tmp_path: Path) -> None:
    def keys(folder: str, of: Topology) -> set[str]:
        templates = synthesize(tmp_path / folder, "dev", of, authorization="api_key")
        resources = templates.stacks["ingress"]["Resources"]
        return {name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::ApiKey"}

    assert keys("retired", RETIRED) == keys("before", SAMPLE) != set()
